// Who did what to whom and when, for platform admins: the newest first.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { clockTime, day, full, now } from "../clock.js";
import { all, call, problem } from "../http.js";
import { go } from "../router.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { by } from "../words.js";
import { choice, dated, field, head, loaded, nothingYet, reload, values } from "./parts.js";

const LIMIT = 50;
const DAY = 86_400_000;
/** @type {[string, string][]} */
const SPANS = [["", "Ever"], ["1", "Within a day"], ["7", "Within a week"], ["30", "Within 30 days"]];

/** @typedef {{who: string, team: string, days: string}} Asked */

/** So that a link shows what was looked at. @param {URLSearchParams} query @returns {Asked} */
const asked = (query) => ({ who: query.get("who") ?? "", team: query.get("team") ?? "", days: query.get("days") ?? "" });

/** Entries from a cursor on; a stretch of the log in which there are none is passed over.
 * @param {Asked} asked @param {string | null} [cursor] */
async function entries({ who, team, days }, cursor = null) {
  const since = Number(days) > 0 ? new Date(now() - Number(days) * DAY).toISOString() : "";
  let found;
  do {
    found = await call("GET", "/audit", { query: { sort: "new", limit: LIMIT, actor: who, team, since, cursor } });
    cursor = found.nextCursor;
  } while (!found.items.length && cursor);
  return { items: found.items, next: cursor };
}

/** @param {import("../types.js").State} s */
export function page(s) {
  if (!s.me?.admin || s.me.scope !== "admin") return nothingYet("The audit is shown to platform admins.", "What was done to an incident stands on its page.");
  const of = asked(s.route.query);
  const key = `audit-${s.route.query}`;
  const fetch = () => entries(of);
  return html`
    ${head("Audit", html`<button @click=${() => reload(key, fetch)}>Look again</button>`)}
    <div class="stack">
      ${filter(of)}
      ${loaded(key, fetch, ({ items, next }) => items.length ? html`
        ${table(items)}
        ${next ? html`<p class="older"><button aria-disabled=${s.page[key].busy ? "true" : nothing} @click=${() => older(key, of)}>${s.page[key].busy ? "…" : "Older"}</button></p>` : html`<p class="older muted">That is all of it.</p>`}`
      : nothingYet("Nothing was done.", "Nothing that people did is like that.", of.who || of.team || of.days ? html`<a class="button" href="/audit">All of it</a>` : nothing))}
    </div>`;
}

/** @param {string} key @param {Asked} of */
async function older(key, of) {
  const known = state.page[key];
  if (known.busy) return;
  setPage(key, { ...known, busy: true });
  try {
    const { items, next } = await entries(of, known.data.next);
    if (state.page[key]) setPage(key, { ...known, data: { items: [...known.data.items, ...items], next } });
  } catch (error) {
    if (state.page[key]) setPage(key, known);
    toast(problem(error).words, { wrong: true });
  }
}

/** @param {Asked} of */
function filter(of) {
  const show = (/** @type {Event} */ event) => {
    event.preventDefault();
    go(`/audit?${new URLSearchParams(values(event))}`, { stay: true });
  };
  return loaded("teams", () => all("/teams"), (teams) => html`
    <form class="form" @submit=${show}><div class="two">
      ${field("who", "Who", { value: of.who, key: "audit", list: "audit-people", hint: "A username; host for commands on the server's host" })}
      ${choice("team", "Team", [["", "Any"], ...teams.map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.slug, one.name]))], of.team)}
      ${choice("days", "When", SPANS, of.days)}
      <div class="actions"><button class="primary">Show</button></div>
      </div><datalist id="audit-people"><option value="host"></option>${[...state.people].map(([username, name]) => html`<option value=${username}>${name}</option>`)}</datalist>
    </form>`);
}

/** @param {any[]} items */
const table = (items) => html`
  <table class="table audit"><thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Team</th><th scope="col">What</th></tr></thead>
    <tbody>${items.map((one) => html`<tr>
      <td><time datetime=${one.at} title=${full(one.at)}>${day(one.at)} ${clockTime(one.at)}</time></td>
      <td><strong dir="auto">${by(one.actor)}</strong></td>
      <td data-name="Team">${one.team ?? ""}</td>
      <td dir="auto">${what(one)}</td></tr>`)}</tbody></table>`;

/** Its words begin with the incident's number. @param {any} one */
const what = (one) => (one.incidentId ? html`<a href="/incidents/${one.incidentId}">#${one.incidentId}</a>${dated(one.what.slice(String(one.incidentId).length))}` : dated(one.what));
