// Do we hear, and who would? When the last alert came and from whom, who is on call and cannot be
// reached, what nobody covers.
import { all, call } from "./http.js";
import { heard, restarted } from "./live.js";
import { changed, state } from "./state.js";

const EVERY = 60_000;

export async function listen() {
  if (state.session !== "in") return;
  try {
    const [integrations, overview, people] = await Promise.all([all("/integrations"), call("GET", "/overview"), state.people.size ? null : all("/users").catch(() => [])]);
    for (const one of people ?? []) state.people.set(one.username, one.name || one.username);
    const last = integrations.filter((one) => one.lastReceivedAt).sort((a, b) => b.lastReceivedAt.localeCompare(a.lastReceivedAt))[0];
    state.hearing = { at: last?.lastReceivedAt ?? null, from: last?.name ?? "", integrations: integrations.length, onCall: overview.onCall, gaps: overview.gaps, unreachable: overview.unreachable };
    changed();
  } catch {
    // Nothing is claimed that is not known.
    state.hearing = null;
  }
}

export function start() {
  heard((event, live) => {
    const by = event.actor;
    if (!live || by.kind !== "integration") return;
    if (state.hearing) state.hearing = { ...state.hearing, at: event.at, from: by.name, integrations: Math.max(1, state.hearing.integrations) };
  });
  restarted(listen);
  setInterval(() => {
    if (!document.hidden) listen();
  }, EVERY);
}
