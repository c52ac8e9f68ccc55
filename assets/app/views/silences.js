// Silences: what is quiet on purpose, until when, and making and ending one.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { full, until } from "../clock.js";
import { all, call, requestKey } from "../http.js";
import { setPage } from "../state.js";
import { toast } from "../say.js";
import { choice, field, head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";

const fetch = () => all("/silences");
/** Others make them too, and windows open and close. */
const EVERY = 60_000;
/** @type {[string, string][]} */
const LENGTHS = [["30m", "Half an hour"], ["1h", "An hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "A day"], ["7d", "A week"]];

/** Teams whose alerts I may silence. @param {import("../types.js").State} s @returns {[string, string][]} */
function mine(s) {
  const { me } = s;
  if (!me || me.scope === "read") return [];
  /** @type {[string, string][]} */
  const teams = me.teams.filter((team) => team.role !== "observer").map((team) => [team.slug, team.name]);
  return me.admin && me.scope === "admin" ? [...teams, ["", "All teams"]] : teams;
}

/** `host=~"db 1" @service=checkout`: apart at spaces, but not between quotes. @param {string} [text] */
export const matchers = (text = "") => text.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? [];

/** @param {Record<string, string>} given */
const asked = (given) => ({
  team: given.team ?? null,
  matchers: matchers(given.matchers),
  reason: given.reason ?? "",
  for: given.length,
  force: Boolean(given.force),
});

/** @param {import("../types.js").State} s */
export function page(s) {
  const teams = mine(s);
  const make = submit("add", async (given, form) => {
    if (/** @type {any} */ (s.page.add)?.look) {
      setPage("seen", await call("POST", "/silences/preview", { body: asked(given), key: requestKey() }));
      return;
    }
    await call("POST", "/silences", { body: asked(given), key: requestKey() });
    form.reset();
    setPage("seen", null);
    setPage("add", { open: false });
    toast("Silenced.");
    await reload("silences", fetch);
  });
  const look = (/** @type {boolean} */ is) => () => setPage("add", { ...s.page.add, look: is });
  const form = html`
    <form class="form" @submit=${make} @input=${() => s.page.seen && setPage("seen", null)}><div class="two">
      ${choice("team", "Whose alerts", teams)}
      ${choice("length", "How long", LENGTHS, "1h")}
      ${field("matchers", "Which", { key: "add", placeholder: "@service=checkout host=~db-.*", hint: "Labels as sent, or @service, @team, @severity; with =, !=, =~ or !~. All must hold." })}
      ${field("reason", "Why", { key: "add", required: true, placeholder: "deploy" })}
    </div>
      <label class="check"><input type="checkbox" name="force"> I mean it, even if it silences nearly everything</label>
      ${s.page.seen ? seen(s.page.seen) : nothing}
      <div class="actions">
        <div @click=${look(false)}>${send("add", "Silence")}</div>
        <button @click=${look(true)}>See what it matches</button>
      </div></form>`;
  return html`
    ${head("Silences", teams.length ? opener("add", "Silence something") : nothing)}
    <div class="stack">
      ${opened("add", "Silence something", form)}
      ${loaded("silences", fetch, (list) => list.length ? table(list, new Set(teams.map(([slug]) => slug)))
        : nothingYet("Nothing is silenced.", html`A silence keeps what matches from paging anybody while you work on it. Windows that come again: <code>incidentd silence add --help</code>.`), EVERY)}
    </div>`;
}

/** @param {{matching: number, firing: number}} of alerts */
const count = ({ matching, firing }) => (matching < firing ? `${matching} of ${firing} alerts` : firing === 1 ? "its alert" : `all ${firing} alerts`);

/** What was asked for, as long as the form still says so. @param {any} found */
const seen = (found) => html`
  <section aria-live="polite"><h3>${found.items.length ? "It would match" : "Nothing that fires now matches."}</h3>
    <ul>${found.items.map((/** @type {any} */ one) => html`<li><a href="/incidents/${one.id}">#${one.id}</a> ${one.title}: ${count(one)}
      ${one.silenced ? "would be silenced" : "and would still be heard"}</li>`)}</ul>
    ${found.more ? html`<p class="meta">There is more than is shown.</p>` : nothing}</section>`;

/** @param {any[]} list @param {Set<string>} mine */
const table = (list, mine) => html`
  <table class="table"><thead><tr><th scope="col">What</th><th scope="col">Whose</th><th scope="col">When</th><th scope="col">Why</th><th scope="col"><span class="hidden-text">Act</span></th></tr></thead>
    <tbody>${list.map((one) => html`<tr>
      <td><strong>${one.matchers.join(" ") || "everything"}</strong></td>
      <td data-name="Whose">${one.team?.name ?? "all teams"}</td>
      <td data-name="When"><span title="${full(one.span.start)} to ${full(one.span.end)}">${one.state === "active" ? `until ${until(one.span.end)}` : `from ${until(one.span.start)} until ${until(one.span.end)}`}</span>
        ${one.windows ? html`<span class="meta">${one.windows.rrule}, ${one.windows.timeZone}</span>` : nothing}</td>
      <td data-name="Why">${one.reason} <span class="muted">${one.author}</span></td>
      <td class="end">${mine.has(one.team?.slug ?? "") ? html`<button aria-label="End silence ${one.id}" @click=${() => end(one)}>End</button>` : nothing}</td></tr>`)}</tbody></table>`;

/** @param {any} one */
const end = (one) => sure("End this silence?", "What still fires and nobody has pages at once.", "End it", async () => {
  await call("DELETE", `/silences/${one.id}`);
  toast("Ended.");
  await reload("silences", fetch);
});
