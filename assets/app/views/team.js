// What the pages of one team share: its name and ways between them, spans of time in words.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { now } from "../clock.js";
import { head } from "./parts.js";

/** @type {[string, string][]} */
const PARTS = [["", "People"], ["policies", "Escalation"], ["channels", "Channels"], ["heartbeats", "Heartbeats"], ["webhooks", "Webhooks"]];

/** @param {any} team @param {string} part which of its pages this is @param {unknown} [aside] */
export const top = (team, part, aside = nothing) => html`
  <div class="crumb"><a href="/teams"><span aria-hidden="true">←</span>&nbsp;Teams</a></div>
  ${head(team.name, aside)}
  <nav class="tabs parts" aria-label="Pages of ${team.name}">
    ${PARTS.map(([name, word]) => html`<a href="/teams/${team.slug}${name && `/${name}`}" aria-current=${name === part ? "page" : nothing}>${word}</a>`)}
  </nav>`;

/** @type {Record<string, number>} */
const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a span as the server writes it. @param {string} span */
export const secs = (span) => [...span.matchAll(/(\d+)([smhd])/g)].reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit], 0);

/** "90 s", "5 min", "1 h 30 min". @param {number} of seconds */
export function long(of) {
  /** @type {[number, string][]} */
  const parts = of < 120 && of % 60 ? [[of, "s"]] : [[Math.floor(of / 86_400), "d"], [Math.floor(of / 3_600) % 24, "h"], [Math.floor(of / 60) % 60, "min"], [of % 60, "s"]];
  return parts.filter(([number]) => number).map(([number, unit]) => `${number} ${unit}`).join(" ") || "0 s";
}

/** Is this moment past, by the server's clock? @param {number} at */
export const past = (at) => at < now();
