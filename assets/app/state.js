// The one state of the page, and how a change of it becomes a picture: at most one draw a frame.

/** @typedef {import("./types.js").State} State */

/** @type {State} */
export const state = {
  session: "unknown",
  me: null,
  route: { name: "incidents", id: "", query: new URLSearchParams() },
  incidents: new Map(),
  version: 0,
  loaded: false,
  live: { is: "connecting", asOf: null, partial: false, retryAt: null, newer: false, why: "" },
  list: { filter: "", selected: new Set(), cursor: null, picking: false, facets: false, older: null },
  detail: null,
  people: new Map(),
  pending: new Map(),
  toasts: [],
  dialog: null,
  said: "",
  hearing: null,
  page: {},
};

let draw = () => {};
/** @type {((state: State) => void)[]} */
const watchers = [];
let queued = false;

/** @param {() => void} by */
export function drawnBy(by) {
  draw = by;
}

/** Told of every change, also while the page is hidden and nothing is drawn. @param {(state: State) => void} watcher */
export function watch(watcher) {
  watchers.push(watcher);
}

/** What follows needs the picture now. */
export const drawNow = () => draw();

/** Something changed: draw it with the next frame. */
export function changed() {
  if (queued) return;
  queued = true;
  const turn = () => {
    queued = false;
    for (const watcher of watchers) watcher(state);
    draw();
  };
  // Hidden pages get no frames, but have a title and an icon.
  if (document.hidden) setTimeout(turn, 200);
  else requestAnimationFrame(turn);
}

/** Notes that are not sent yet, by who wrote them and of which incident: kept while the window lives. @param {number | string} id */
const noteKey = (id) => `incidentd.note.${state.me?.user?.id}.${id}`;
/** @type {Map<string, string>} */
const drafts = new Map();

/** @param {number | string} id */
export function draftOf(id) {
  try {
    return sessionStorage.getItem(noteKey(id)) ?? "";
  } catch {
    return drafts.get(noteKey(id)) ?? "";
  }
}

/** @param {number | string} id @param {string} text */
export function keepDraft(id, text) {
  try {
    if (text) sessionStorage.setItem(noteKey(id), text);
    else sessionStorage.removeItem(noteKey(id));
  } catch {
    drafts.set(noteKey(id), text);
  }
}

/** A page's own data, kept while one stays on it. @param {string} key @param {unknown} value */
export function setPage(key, value) {
  state.page = { ...state.page, [key]: value };
  changed();
}

/** @param {string} name @returns {string} what this browser remembers */
export function remembered(name) {
  try {
    return localStorage.getItem(`incidentd.${name}`) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(`incidentd.${name}`, value);
  } catch {
    // Private windows may forbid it; then it holds until the page is closed.
  }
  changed();
}
