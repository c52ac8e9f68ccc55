// Do we hear? When the last alert came, and from whom.
import { all } from "./http.js";
import { heard } from "./live.js";
import { changed, state } from "./state.js";

const EVERY = 60_000;

export async function listen() {
  if (state.session !== "in") return;
  try {
    const integrations = await all("/integrations");
    const last = integrations.filter((one) => one.lastReceivedAt).sort((a, b) => b.lastReceivedAt.localeCompare(a.lastReceivedAt))[0];
    state.hearing = { at: last?.lastReceivedAt ?? null, from: last?.name ?? "", integrations: integrations.length };
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
    state.hearing = { at: event.at, from: by.name, integrations: Math.max(1, state.hearing?.integrations ?? 1) };
  });
  setInterval(() => {
    if (!document.hidden && state.route.name === "incidents") listen();
  }, EVERY);
}
