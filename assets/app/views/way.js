// Who would be told of an alert, when, by what and by which rule. Nobody is.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { until } from "../clock.js";
import { parse } from "../filter.js";
import { call, Problem } from "../http.js";
import { setPage, state } from "../state.js";
import { by, many } from "../words.js";
import { choice, field, send, submit } from "./parts.js";

/** @type {[string, string][]} */
const SEVERITIES = [["", "What the label severity says, else error"], ["critical", "Critical"], ["error", "Error"], ["warning", "Warning"], ["info", "Info"]];
/** Why it goes by this policy. @type {Record<string, (policy: unknown) => unknown>} */
const RULES = {
  service: (policy) => html`By the policy ${policy}, which the service names.`,
  team: (policy) => html`By the policy ${policy}, the team's default.`,
  nobody: (policy) => html`There is no policy ${policy}: all of the team, again and again.`,
};

/** As people write them: `host=db-3 zone="b 1"`. @param {string} [text] @returns {Record<string, string>} */
function labels(text = "") {
  const terms = parse(text);
  const odd = terms.find(({ name, op }) => op !== "=" || name.startsWith("@"));
  if (odd) throw new Problem(422, { detail: "Labels are name=value.", errors: [{ field: "labels", message: `are name=value, apart by spaces; ${odd.name}${odd.op}${odd.value} is not` }] });
  return Object.fromEntries(terms.map(({ name, value }) => [name, value]));
}

/** Tried on a service's page, with any labels. @param {any} service */
export function rehearsal(service) {
  const ask = submit("way", async (given) => {
    setPage("way", { ...state.page.way, way: null });
    const { severity } = given;
    const body = { service: service.slug, labels: labels(given.labels), ...(severity ? { severity } : {}) };
    setPage("way", { ...state.page.way, way: await call("POST", "/route-test", { body }) });
  });
  const { way } = state.page.way;
  return html`
    <form class="form narrow" @submit=${ask}>
      <p class="muted">For an alert that is not: nobody is told, nothing is kept.</p>
      ${field("labels", "Its labels", { key: "way", placeholder: "severity=warning host=db-3", hint: "They may be left out. Silences look at them, and so does the urgency" })}
      ${choice("severity", "Severity", SEVERITIES)}
      ${send("way", "Who would be told now?")}
    </form>
    <div aria-live="polite">${way ? shown(way, (username) => by({ kind: "user", name: username })) : nothing}</div>`;
}

/** The first round, and the last resort: those between are the same again.
 * @param {any} way @param {(username: string) => string} nameOf */
export function shown(way, nameOf) {
  const rounds = Math.max(...way.steps.map((/** @type {any} */ step) => step.round));
  const some = way.steps.filter((/** @type {any} */ step) => step.round <= 1);
  return html`
    <h3>An alert of ${way.service.name} now: ${way.severity}, ${way.urgency} urgency</h3>
    ${way.heartbeats.length ? html`<p class="wrong">Such an alert is the sign of life of ${way.heartbeats.join(", ")}: it opens no incident, and nobody is paged.</p>` : nothing}
    <p class="meta">${RULES[way.policyOf]?.(html`<a href="/teams/${way.team.slug}/policies">${way.policy}</a>`)}</p>
    ${way.silencedUntil ? html`<p class="wrong">It would be <a href="/silences">silenced</a> until ${until(way.silencedUntil)}: nobody is paged before.</p>` : nothing}
    <table class="table trial"><thead><tr><th scope="col">When</th><th scope="col">Who, by what</th></tr></thead>
      <tbody>${some.map((/** @type {any} */ step) => html`<tr>
        <td>${until(step.at)} <span class="meta">${step.round ? `step ${step.step}` : "last resort"}</span></td>
        <td>${step.pages.map((/** @type {any} */ page) => html`<div><strong>${page.who.startsWith("channel:") ? page.who.slice(8) : nameOf(page.who)}</strong> by ${page.channel}${page.contact && page.contact !== page.channel && !page.who.startsWith("channel:") ? ` (${page.contact})` : ""}${page.at === step.at ? "" : ` at ${until(page.at)}`}</div>`)}
          ${step.skipped.map((/** @type {string} */ why) => html`<div class="wrong">${why}</div>`)}
          ${step.pages.length || step.skipped.length ? nothing : html`<div class="wrong">nobody</div>`}</td></tr>`)}</tbody></table>
    ${rounds > 1 ? html`<p class="meta">Before the last resort, the same again in ${many(rounds - 1, "more round")}.</p>` : nothing}`;
}
