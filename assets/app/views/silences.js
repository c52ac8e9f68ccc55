// Silences: what is quiet on purpose, until when, and ending one.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { full, until } from "../clock.js";
import { all, call } from "../http.js";
import { local } from "../rota.js";
import { setPage } from "../state.js";
import { toast } from "../say.js";
import { onDays, WEEK } from "./hours.js";
import { head, loaded, nothingYet, opened, reload, sure } from "./parts.js";
import { form, fresh } from "./silence.js";
import { long, secs } from "./team.js";

const fetch = async () => {
  const [list, teams] = await Promise.all([all("/silences"), all("/teams")]);
  return { list, teams };
};
const again = () => reload("silences", fetch);
/** Others make them too, and windows open and close. */
const EVERY = 60_000;

/** Teams whose alerts I may silence; a platform admin those of any. @param {import("../types.js").State} s @returns {[string, string][]} */
function mine(s) {
  const { me } = s;
  if (!me || me.scope === "read") return [];
  const every = me.admin && me.scope === "admin";
  const teams = every ? s.page.silences?.data?.teams ?? [] : me.teams.filter((team) => team.role !== "observer");
  const named = teams.map((/** @type {any} */ team) => [team.slug, team.name]);
  return every ? [...named, ["", "All teams"]] : named;
}

/** @param {import("../types.js").State} s */
export function page(s) {
  const teams = mine(s);
  const is = Boolean(s.page.add?.open);
  return html`
    ${head("Silences", teams.length ? html`<button aria-expanded=${is ? "true" : "false"} @click=${() => setPage("add", is ? { open: false } : fresh())}>${is ? "Close" : "Silence something"}</button>` : nothing)}
    <div class="stack">
      ${is ? opened("add", "Silence something", form(s, teams, again)) : nothing}
      ${loaded("silences", fetch, ({ list }) => list.length ? table(list, new Set(teams.map(([slug]) => slug)))
        : nothingYet("Nothing is silenced.", "A silence keeps what matches from paging anybody while you work on it, once or in windows that come again. Alerts are kept and shown."), EVERY)}
    </div>`;
}

/** Windows in words, where the rule is as simple as most are. @param {any} of */
function windows({ windows: { rrule, timeZone, duration }, startsAt, endsAt }) {
  const named = /^FREQ=WEEKLY;BYDAY=([A-Z,]+)$/.exec(rrule)?.[1].split(",");
  const days = named ? onDays(WEEK.map(([day]) => day).filter((day) => named.includes(day.slice(0, 2).toUpperCase()))) : rrule === "FREQ=DAILY" ? "every day" : rrule;
  return `Again ${days}, ${local(startsAt, timeZone).slice(11)} for ${long(secs(duration))} in ${timeZone}${endsAt ? `, the last time before ${full(endsAt)}` : ""}`;
}

/** @param {any[]} list @param {Set<string>} mine */
const table = (list, mine) => html`
  <table class="table"><thead><tr><th scope="col">What</th><th scope="col">Whose</th><th scope="col">When</th><th scope="col">Why</th><th scope="col"><span class="hidden-text">Act</span></th></tr></thead>
    <tbody>${list.map((one) => html`<tr>
      <td class="matchers"><strong>${one.matchers.join(" ") || "everything"}</strong></td>
      <td data-name="Whose">${one.team?.name ?? "all teams"}</td>
      <td data-name="When"><span title="${full(one.span.start)} to ${full(one.span.end)}">${one.state === "active" ? `until ${until(one.span.end)}` : `from ${until(one.span.start)} until ${until(one.span.end)}`}</span>
        ${one.windows ? html`<p class="meta">${windows(one)}</p>` : nothing}</td>
      <td data-name="Why">${one.reason} <span class="muted">${one.author}</span></td>
      <td class="end">${mine.has(one.team?.slug ?? "") ? html`<button aria-label="End silence ${one.id}" @click=${() => end(one)}>End</button>` : nothing}</td></tr>`)}</tbody></table>`;

/** @param {any} one */
const end = (one) => sure("End this silence?", `What still fires and nobody has pages at once.${one.windows ? " It does not come again, either." : ""}`, "End it", async () => {
  await call("DELETE", `/silences/${one.id}`);
  toast("Ended.");
  await again();
});
