// What the page says: toasts for the eye, one polite sentence in five seconds for the ear.
import { until } from "./clock.js";
import { changed, state } from "./state.js";

const QUIET = 5_000;
let next = 1;
/** @type {string[]} */
let waiting = [];
let lastSaid = 0;
/** @type {number | undefined} */
let timer;

/**
 * @param {string} text
 * @param {{wrong?: boolean, label?: string, run?: (() => void) | null}} [more] errors stay until dismissed
 */
export function toast(text, { wrong = false, label = "", run = null } = {}) {
  // The server does not know this clock.
  text = text.replace(/(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?: UTC|[\d:.]*Z)/g, (_, day, time) => until(`${day}T${time}Z`));
  const id = next++;
  const others = state.toasts.filter((one) => one.wrong && one.text !== text);
  state.toasts = [...others, { id, text, wrong, label, run }].slice(-3);
  if (!wrong) setTimeout(() => dismiss(id), 8_000);
  announce(text);
  changed();
}

/** @param {number} id */
export function dismiss(id) {
  state.toasts = state.toasts.filter((one) => one.id !== id);
  changed();
}

/** @param {string} sentence */
export function announce(sentence) {
  waiting.push(sentence);
  clearTimeout(timer);
  timer = setTimeout(speak, Math.max(150, lastSaid + QUIET - Date.now()));
}

function speak() {
  const few = waiting.slice(0, 3);
  const more = waiting.length - few.length;
  state.said = few.join(" ") + (more > 0 ? ` And ${more} more changes.` : "");
  waiting = [];
  lastSaid = Date.now();
  changed();
}
