// Which rows the list shows, in which order. While pointer or focus is in it the order waits; under a
// finger, which gives no warning, it waits always.
import { byNeed, need } from "./incidents.js";
import { matcher } from "./filter.js";
import { changed, state } from "./state.js";

/** Touch has no pointer that leaves; after this long without one the order moves on. */
const TOUCH_IDLE = 15_000;
/** A focus that was left behind: keys act on what they name, so the order may move on. */
const FOCUS_IDLE = 60_000;
/** So long after the rows moved a press may have been aimed at what stood there before. */
const AIM = 2_000;
/** No pointer hovers here. */
const FINGER = matchMedia("(hover: none)");

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
/** The order is to be made anew, though somebody is there. */
let anew = false;
/** Rows move next because somebody here wants them to. */
let wanted = false;
let movedAt = -Infinity;
/** `waiting`: new ones; `stale`: something is not where it belongs, `urgent` if that is.
 * @typedef {{ids: number[], waiting: number, stale: boolean, urgent: boolean}} Shown */
/** @type {Shown} */
let shown = { ids: [], waiting: 0, stale: false, urgent: false };

const engaged = () => (FINGER.matches || held.mouse || held.touch || held.focus) && !document.hidden;

/** Did rows move a moment ago, by themselves? */
export const justMoved = () => performance.now() - movedAt < AIM;

/** What came while nobody could see it stands where it belongs. */
export function reorder() {
  anew = true;
  changed();
}

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
  wanted = true;
  reorder();
}

/** The ids to show, and how many wait to be. */
export function rows() {
  const filter = state.list.filter;
  const of = `${state.version} ${engaged()} ${filter}`;
  if (of === key && !anew) return shown;
  key = of;
  const fits = matcher(filter, state.me?.user?.username ?? "");
  const sorted = [];
  for (const incident of state.incidents.values()) {
    if (fits(incident)) sorted.push(incident);
  }
  sorted.sort(byNeed);
  const refiltered = filter !== lastFilter;
  const keep = engaged() && !anew && !refiltered && order.length > 0;
  lastFilter = filter;
  anew = false;
  if (!keep) {
    const before = order;
    order = sorted.map((incident) => incident.id);
    if (!wanted && !refiltered && order.some((id, at) => at < before.length && before[at] !== id)) movedAt = performance.now();
    wanted = false;
    shown = { ids: order, waiting: 0, stale: false, urgent: false };
    return shown;
  }
  const there = new Set(order);
  const kept = order.filter((id) => state.incidents.has(id));
  const last = state.incidents.get(kept[kept.length - 1] ?? -1);
  let waiting = 0;
  for (const incident of sorted) {
    if (there.has(incident.id)) continue;
    // What would stand at the end pushes nothing.
    if (last && byNeed(last, incident) < 0) kept.push(incident.id);
    else waiting += 1;
  }
  // What one may not see any more leaves a gap that closes.
  if (kept.some((id, at) => at < order.length && order[at] !== id)) movedAt = performance.now();
  order = kept;
  const first = sorted.find((incident, at) => incident.id !== order[at]);
  shown = { ids: order, waiting, stale: FINGER.matches && Boolean(first), urgent: Boolean(first && need(first) <= 1) };
  return shown;
}
