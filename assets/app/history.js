// Resolved incidents, fetched when the filter asks for them; they join the others in the one map.
import { asQuery, parse, statuses } from "./filter.js";
import { call, problem } from "./http.js";
import { take } from "./incidents.js";
import { changed, state } from "./state.js";

/** @type {number | undefined} */
let settling;

/** The filter may have changed: history follows a moment later. */
export function followFilter() {
  const key = wanted();
  if (key === (state.list.older?.key ?? "")) return;
  clearTimeout(settling);
  if (!key) {
    state.list.older = null;
    return;
  }
  state.list.older = { key, items: [], next: null, busy: true, error: "" };
  settling = setTimeout(() => loadOlder(false), 250);
}

function wanted() {
  if (state.session !== "in" || state.route.name !== "incidents") return "";
  return statuses(parse(state.list.filter)).includes("resolved") ? JSON.stringify(asQuery(state.list.filter)) : "";
}

/** @param {boolean} more */
export async function loadOlder(more) {
  const older = state.list.older;
  if (!older) return;
  older.busy = true;
  changed();
  try {
    const query = asQuery(state.list.filter);
    if (more && older.next) query.push(["cursor", older.next]);
    const page = await call("GET", "/incidents", { query });
    if (state.list.older !== older) return;
    page.items.forEach(take);
    older.items.push(...page.items);
    older.next = page.nextCursor;
    older.error = "";
  } catch (error) {
    older.error = `History could not be loaded. ${problem(error).words}`;
  } finally {
    older.busy = false;
    changed();
  }
}
