// Single keys, as in the terminal; asleep in inputs and dialogs, and they can be switched off.
import { ask, undo } from "./act.js";
import { mayAct } from "./incidents.js";
import { hold, rows } from "./order.js";
import { back, go } from "./router.js";
import { toast } from "./say.js";
import { changed, drawNow, remembered, state } from "./state.js";
import { reveal } from "./window.js";

export const keysAreOn = () => remembered("keys") !== "off";

/** What a key would act on: the selection, else the row with the cursor, else the open page. */
export function targets() {
  if (state.route.name === "incident") return state.detail ? [state.detail.id] : [];
  const { selected, cursor } = state.list;
  if (selected.size) return [...selected];
  return cursor !== null && state.incidents.has(cursor) ? [cursor] : [];
}

/** @param {string} kind @param {number[]} ids */
export function open(kind, ids) {
  const may = ids.filter((id) => {
    const incident = state.incidents.get(id);
    return incident ? mayAct(incident) : true;
  });
  if (!may.length) return toast("You may look at this, not act on it: you are an observer here.", { wrong: true });
  state.dialog = { kind, ids: may };
  drawNow();
}

/** @param {number} id */
export async function copyLink(id) {
  const address = `${location.origin}/incidents/${id}`;
  try {
    await navigator.clipboard.writeText(address);
    toast(`Copied ${address}`);
  } catch {
    toast(`This browser lets pages copy over https only. The address: ${address}`);
  }
}

/** @param {number} by */
function move(by) {
  const { ids } = rows();
  if (!ids.length) return;
  const at = state.list.cursor === null ? -1 : ids.indexOf(state.list.cursor);
  const next = at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by));
  state.list.cursor = ids[next];
  hold();
  reveal(next, true);
  changed();
}

/** A row that one does not see is not acted on: it is shown first. */
function seen() {
  if (state.route.name !== "incidents" || state.list.selected.size) return true;
  const at = rows().ids.indexOf(state.list.cursor ?? -1);
  return at < 0 ? false : !reveal(at, true);
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || state.session !== "in" || state.dialog) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape") return escape(target);
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.getAttribute("type") !== "checkbox") return;
  const listed = state.route.name === "incidents";
  const page = listed || state.route.name === "incident";
  if (event.key === "?" && keysAreOn()) return done(event, () => { state.dialog = { kind: "help", ids: [] }; changed(); });
  if (!page) return;
  if (listed && (event.key === "ArrowDown" || event.key === "ArrowUp") && !target.closest("summary,select")) {
    return done(event, () => move(event.key === "ArrowDown" ? 1 : -1));
  }
  if (!keysAreOn()) return;
  const button = target.closest("button,a,summary,input");
  if ((event.key === "Enter" || event.key === " ") && button) return;
  const ids = targets();
  switch (event.key) {
    case "j": case "k": return listed ? done(event, () => move(event.key === "j" ? 1 : -1)) : undefined;
    case "Enter": return listed && ids.length ? done(event, () => go(`/incidents/${state.list.cursor ?? ids[0]}`)) : undefined;
    case " ": return listed && state.list.cursor !== null ? done(event, () => select(/** @type {number} */ (state.list.cursor))) : undefined;
    case "u": return done(event, undo);
    case "/": return done(event, filter);
  }
  const acts = { a: "acknowledge", r: "resolve", e: "escalate" };
  const opens = { s: "snooze", n: "note", m: "reassign" };
  const known = event.key in acts || event.key in opens || event.key === "y";
  if (!known || !ids.length || !seen()) return;
  if (event.key in acts) return done(event, () => ask(ids, { action: acts[/** @type {"a"} */ (event.key)] }));
  if (event.key in opens) return done(event, () => open(opens[/** @type {"s"} */ (event.key)], ids));
  done(event, () => copyLink(ids[0]));
}

/** @param {KeyboardEvent} event @param {() => unknown} what */
function done(event, what) {
  event.preventDefault();
  what();
}

function filter() {
  if (state.route.name !== "incidents") {
    go("/", { stay: true });
    drawNow();
  }
  // At once: the next key is the filter's already.
  /** @type {HTMLInputElement | null} */ (document.getElementById("filter"))?.select();
}

/** @param {number} id */
export function select(id) {
  const { selected } = state.list;
  if (!selected.delete(id)) selected.add(id);
  hold();
  changed();
}

/** @param {HTMLElement} target */
function escape(target) {
  const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector("details.menu[open]"));
  if (menu) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  } else if (target.matches("input,textarea,select")) target.blur();
  else if (state.list.selected.size) state.list.selected.clear();
  else if (state.route.name === "incident" && keysAreOn()) back();
  changed();
}

export function start() {
  document.addEventListener("keydown", press);
  // Menus close when one looks elsewhere.
  document.addEventListener("pointerdown", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(/** @type {Node} */ (event.target))) /** @type {HTMLDetailsElement} */ (menu).open = false;
    }
  });
}
