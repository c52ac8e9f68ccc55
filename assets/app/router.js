// Addresses: which page, which incident, which filter. A link opens what it names.
import { changed, drawNow, state } from "./state.js";

const PAGES = new Set(["on-call", "services", "silences", "teams", "users", "tokens", "profile", "health", "audit", "setup", "welcome"]);
/** Pages of one team, beside that of its people. */
const PARTS = new Set(["policies", "channels", "heartbeats", "webhooks"]);
/** @type {((route: import("./types.js").Route) => void)[]} */
const listeners = [];

/** @param {(route: import("./types.js").Route) => void} listener */
export function arrived(listener) {
  listeners.push(listener);
}

/** @returns {import("./types.js").Route} */
function read() {
  const [, first = "", second = "", third = ""] = location.pathname.split("/");
  const query = new URLSearchParams(location.search);
  if (first === "incidents" && /^\d{1,15}$/.test(second)) return { name: "incident", id: second, query };
  if (first === "teams" && second && third) return { name: PARTS.has(third) ? `teams/${third}` : "nowhere", id: decode(second), query };
  if (PAGES.has(first)) return { name: first, id: decode(second), query };
  if (first === "" || first === "incidents") return { name: "incidents", id: "", query };
  return { name: "nowhere", id: "", query };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function turn() {
  const before = state.route;
  state.route = read();
  if (state.route.name === "incidents") state.list.filter = state.route.query.get("q") ?? "";
  if (before.name !== state.route.name || before.id !== state.route.id) state.page = {};
  state.dialog = null;
  for (const listener of listeners) listener(state.route);
  changed();
}

/** @param {string} address @param {{replace?: boolean, stay?: boolean}} [how] */
export function go(address, { replace = false, stay = false } = {}) {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  turn();
  if (!stay) {
    scrollTo(0, 0);
    // Who listens hears where he is.
    requestAnimationFrame(() => document.querySelector("main")?.focus({ preventScroll: true }));
  }
}

/** The list with this filter. @param {string} filter */
export const listAddress = (filter) => (filter.trim() ? `/incidents?q=${encodeURIComponent(filter.trim())}` : "/");

/** @type {number | undefined} */
let settling;
/** @param {string} filter */
export function setFilter(filter) {
  state.list.filter = filter;
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (state.route.name === "incidents") history.replaceState(null, "", listAddress(filter));
  }, 300);
  changed();
}

/** Back to where one came from, else to the list. */
export function back() {
  if (history.length > 1 && history.state?.inside) history.back();
  else go(listAddress(state.list.filter));
}

export function start() {
  addEventListener("popstate", () => {
    turn();
    // At once: the browser scrolls to where one was, and needs a page as long as that was.
    drawNow();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = /** @type {Element} */ (event.target).closest?.("a[href]");
    const href = target?.getAttribute("href") ?? "";
    if (!target || !href.startsWith("/") || target.hasAttribute("target") || target.hasAttribute("download")) return;
    event.preventDefault();
    const menu = target.closest("details");
    if (menu) menu.open = false;
    go(href);
    history.replaceState({ inside: true }, "");
  });
  turn();
}
