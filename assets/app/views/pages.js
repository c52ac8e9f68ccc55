// Which view a page of configuration has.
import { html } from "../../vendor/lit-html/lit-html.js";
import { onCall } from "./oncall.js";
import { profile } from "./profile.js";
import { service, services } from "./services.js";
import { setup, welcome } from "./setup.js";
import { team, teams } from "./teams.js";
import { tokens } from "./tokens.js";
import { users } from "./users.js";

/** @param {import("../types.js").State} s */
export function page(s) {
  const { name, id } = s.route;
  switch (name) {
    case "on-call": return onCall(s);
    case "services": return id ? service(s) : services(s);
    case "teams": return id ? team(s) : teams(s);
    case "users": return users(s);
    case "tokens": return tokens(s);
    case "profile": return profile(s);
    case "setup": return setup(s);
    case "welcome": return welcome(s);
    default: return html`<div class="empty"><h2>There is no such page.</h2><a class="button" href="/">Incidents</a></div>`;
  }
}
