// Starts the page: who is here, where are we, then draw what the state says, once a frame.
import { html, render } from "../vendor/lit-html/lit-html.js";
import * as alarm from "./alarm.js";
import * as detail from "./detail.js";
import * as hearing from "./hearing.js";
import { followFilter } from "./history.js";
import * as keys from "./keys.js";
import * as router from "./router.js";
import { cameIn, whoAmI } from "./session.js";
import { changed, drawnBy, remembered, state, watch } from "./state.js";
import { setTheme } from "./theme.js";
import { install } from "./install.js";
import { incident } from "./views/incident.js";
import { list } from "./views/list.js";
import { login, unreachable } from "./views/login.js";
import { bars, ear, shell } from "./views/shell.js";

/** Pages that nobody needs at night come when they are asked for. @type {Record<string, () => Promise<{page: (s: typeof state) => unknown}>>} */
const LATER = {
  "on-call": () => import("./views/oncall.js"),
  services: () => import("./views/services.js"),
  silences: () => import("./views/silences.js"),
  teams: () => import("./views/teams.js"),
  "teams/policies": () => import("./views/policies.js"),
  "teams/channels": () => import("./views/channels.js"),
  "teams/heartbeats": () => import("./views/heartbeats.js"),
  "teams/webhooks": () => import("./views/webhooks.js"),
  users: () => import("./views/users.js"),
  tokens: () => import("./views/tokens.js"),
  profile: () => import("./views/profile.js"),
  health: () => import("./views/health.js"),
  audit: () => import("./views/audit.js"),
  setup: () => import("./views/setup.js"),
  welcome: () => import("./views/setup.js"),
};
/** Name → its view, once it is there. @type {Map<string, ((s: typeof state) => unknown) | null>} */
const come = new Map();

function page() {
  const { name } = state.route;
  const fetch = LATER[name];
  if (!fetch) return html`<div class="empty"><h1>There is nothing here.</h1><p class="muted">The address may be mistyped.</p><a class="button" href="/">Incidents</a></div>`;
  const view = come.get(name);
  if (view) return view(state);
  if (view === undefined) {
    come.set(name, null);
    fetch().then(
      (module) => come.set(name, module.page),
      // Of an older version than the server's by now, or offline.
      () => { come.delete(name); state.live.newer = true; },
    ).finally(changed);
  }
  return state.live.newer ? html`<div class="empty"><h2>This page could not be fetched.</h2><button @click=${() => location.reload()}>Reload</button></div>` : bars(1);
}

const root = /** @type {HTMLElement} */ (document.getElementById("app"));

function view() {
  if (state.route.name === "setup" || state.route.name === "welcome") {
    const own = page();
    if (own) return state.session === "in" ? shell(state, own) : html`${own}${ear(state)}`;
  }
  if (state.route.name === "nowhere" && state.session !== "in") return html`<main id="main" tabindex="-1">${page()}</main>`;
  switch (state.session) {
    case "unknown": return bars(1);
    case "out": return login(state);
    case "unreachable": return unreachable(state);
    default: return shell(state, inside());
  }
}

function inside() {
  if (state.route.name === "incidents") return list(state);
  if (state.route.name === "incident") return incident(state);
  return page();
}

/** What a page needs, when one comes to it or comes in. */
function arrive() {
  if (state.session !== "in") return;
  if (state.route.name === "incident") detail.openIncident(Number(state.route.id));
  if (!state.hearing || ["incidents", "on-call"].includes(state.route.name)) hearing.listen();
}

setTheme(remembered("theme"));
drawnBy(() => {
  const at = document.activeElement;
  render(view(), root);
  // Where what had the focus is gone, whoever listens or presses Tab goes on in the page.
  if (!at?.isConnected) document.querySelector("main")?.focus({ preventScroll: true });
  alarm.markTab();
});
watch(followFilter);
keys.start();
alarm.start();
hearing.start();
detail.start();
router.arrived(arrive);
cameIn(arrive);
cameIn(() => {
  if (globalThis.Notification?.permission === "granted") import("./push.js").then((push) => push.follow()).catch(() => {});
});
router.start();
whoAmI();
install();
// Ages grow, and the seconds to the next try fall.
setInterval(() => !document.hidden && changed(), 1_000);
