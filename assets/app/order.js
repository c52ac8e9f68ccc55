// Which rows the list shows, in which order. While pointer or focus is in it the order waits.
import { byNeed, need } from "./incidents.js";
import { matcher } from "./filter.js";
import { changed, state } from "./state.js";

/** Touch has no pointer that leaves; after this long without one the order moves on. */
const TOUCH_IDLE = 15_000;
/** A focus that was left behind: keys act on what they name, so the order may move on. */
const FOCUS_IDLE = 60_000;

/** What holds the order: the mouse, a finger or an action a moment ago, the keyboard's focus. */
const held = { mouse: false, touch: false, focus: false };
/** @type {number | undefined} */
let idle;
/** @type {number | undefined} */
let unused;
/** @type {number[]} */
let order = [];
let key = "";
let lastFilter = "";
/** From where on rows moved last, and when. */
let movedFrom = 0;
let movedAt = -Infinity;
/** So long a finger that comes down was aimed at what stood there before. */
const AIM = 1_200;
/** @param {number} index of a row */
export const justMoved = (index) => index >= movedFrom && performance.now() - movedAt < AIM;
/** @type {{ids: number[], waiting: number, urgent: boolean}} */
let shown = { ids: [], waiting: 0, urgent: false };

const engaged = () => (held.mouse || held.touch || held.focus) && !document.hidden;

/** @param {"mouse" | "focus"} what @param {boolean} is */
export function engage(what, is) {
  if (what === "focus") {
    clearTimeout(unused);
    if (is) unused = setTimeout(() => engage("focus", false), FOCUS_IDLE);
  }
  // A click leaves its focus behind when the mouse goes.
  if (what === "mouse" && !is && !document.activeElement?.matches(":focus-visible")) engage("focus", false);
  if (held[what] === is) return;
  held[what] = is;
  changed();
}

/** A finger is on the list, or something was acted on: nothing moves for a while. */
export function hold() {
  held.touch = true;
  clearTimeout(idle);
  idle = setTimeout(() => {
    held.touch = false;
    changed();
  }, TOUCH_IDLE);
}

/** Shows what waited; the mouse holds the order again when it moves. */
export function release() {
  clearTimeout(idle);
  held.mouse = held.touch = held.focus = false;
  changed();
}

/** The ids to show, and how many wait to be. */
export function rows() {
  const filter = state.list.filter;
  const wanted = `${state.version} ${engaged()} ${filter}`;
  if (wanted === key) return shown;
  key = wanted;
  const fits = matcher(filter, state.me?.user?.username ?? "");
  const sorted = [];
  for (const incident of state.incidents.values()) {
    if (fits(incident)) sorted.push(incident);
  }
  sorted.sort(byNeed);
  const keep = engaged() && filter === lastFilter && order.length > 0;
  const same = filter === lastFilter;
  lastFilter = filter;
  if (!keep) {
    const before = order;
    order = sorted.map((incident) => incident.id);
    const from = before.findIndex((id, at) => id !== order[at]);
    if (same && from >= 0) [movedFrom, movedAt] = [from, performance.now()];
    shown = { ids: order, waiting: 0, urgent: false };
    return shown;
  }
  const there = new Set(order);
  const kept = order.filter((id) => state.incidents.has(id));
  const last = state.incidents.get(kept[kept.length - 1] ?? -1);
  let waiting = 0;
  let urgent = false;
  for (const incident of sorted) {
    if (there.has(incident.id)) continue;
    // What would stand at the end pushes nothing.
    if (last && byNeed(last, incident) < 0) kept.push(incident.id);
    else {
      waiting += 1;
      urgent ||= need(incident) <= 1;
    }
  }
  order = kept;
  shown = { ids: order, waiting, urgent };
  return shown;
}
