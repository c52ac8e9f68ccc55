// The open incident: its timeline and alerts, fetched once and then followed live.
import { all, call, problem } from "./http.js";
import { take } from "./incidents.js";
import { heard, restarted } from "./live.js";
import { changed, state } from "./state.js";

/** Longest timeline that is fetched whole. */
const MOST = 1_000;

/** @param {number} id */
export async function openIncident(id) {
  const again = state.detail?.id === id;
  if (!again) {
    state.detail = { id, events: [], alerts: [], deliveries: [], ready: false, missing: false, error: "", open: false };
  }
  const detail = /** @type {import("./types.js").Detail} */ (state.detail);
  changed();
  try {
    const [incident] = await Promise.all([call("GET", `/incidents/${id}`), events(detail), alerts(detail), deliveries(detail)]);
    take(incident);
    detail.ready = true;
    detail.error = "";
  } catch (error) {
    const wrong = problem(error);
    detail.missing = wrong.status === 404;
    detail.error = wrong.words;
  }
  changed();
}

/** @param {import("./types.js").Detail} detail */
async function events(detail) {
  let cursor = null;
  do {
    const page = await call("GET", `/incidents/${detail.id}/timeline`, { query: { limit: 200, cursor } });
    page.items.forEach((/** @type {any} */ event) => add(detail, event));
    cursor = page.nextCursor;
  } while (cursor && detail.events.length < MOST);
}

/** @param {import("./types.js").Detail} detail */
async function alerts(detail) {
  const page = await call("GET", `/incidents/${detail.id}/alerts`, { query: { limit: 200 } });
  detail.alerts = page.items;
  changed();
}

/** Messages on their way; what becomes of one makes no event, so it is looked for. */
const LOOK = 3_000;
/** @type {number | undefined} */
let looking;

/** @param {import("./types.js").Detail} detail */
async function deliveries(detail) {
  clearTimeout(looking);
  const found = await all(`/incidents/${detail.id}/deliveries`, { limit: 200 });
  const before = detail.deliveries.filter((one) => one.state === "queued").length;
  detail.deliveries = found.reverse();
  const soon = detail.deliveries.filter((one) => one.state === "queued");
  if (soon.length < before) take(await call("GET", `/incidents/${detail.id}`));
  if (soon.length) looking = setTimeout(() => state.detail === detail && state.route.name === "incident" && deliveries(detail).catch(() => {}), LOOK);
  changed();
}

/** In order, each once. @param {import("./types.js").Detail} detail @param {any} event */
function add(detail, event) {
  if (detail.events.some((known) => known.seq === event.seq)) return;
  const at = detail.events.findIndex((known) => known.seq > event.seq);
  if (at < 0) detail.events.push(event);
  else detail.events.splice(at, 0, event);
}

export function start() {
  restarted(() => {
    if (state.detail && state.route.name === "incident") openIncident(state.detail.id);
  });
  /** @type {number | undefined} */
  let later;
  heard((event) => {
    const detail = state.detail;
    if (!detail || event.incidentId !== detail.id || state.route.name !== "incident") return;
    add(detail, event);
    clearTimeout(looking);
    looking = setTimeout(() => deliveries(detail).catch(() => {}), 500);
    const ofAlerts = ["alert_added", "alert_resolved", "merged", "reopened", "still_firing"].includes(event.reason) || event.type === "incident:resolved";
    if (!ofAlerts) return;
    clearTimeout(later);
    later = setTimeout(() => alerts(detail).catch(() => {}), 1_000);
  });
}
