// A silence as it is asked for: what, for how long or on which days, and what it would do.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { now } from "../clock.js";
import { call, Problem, requestKey } from "../http.js";
import { instant, isZone, later, local, span } from "../rota.js";
import { toast } from "../say.js";
import { setPage } from "../state.js";
import { days, minutes } from "./hours.js";
import { choice, field, send, submit } from "./parts.js";

/** @type {[string, string][]} */
const KINDS = [["for", "From now on, for a while"], ["until", "Between two moments"], ["weekly", "Again every week"], ["rule", "Again by a rule"]];
/** @type {[string, string][]} */
const LENGTHS = [["30m", "Half an hour"], ["1h", "An hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "A day"], ["7d", "A week"]];
/** So many spans a preview shows; there may be more. */
const SPANS = 3;

/** `host=~"db 1" @service=checkout`: apart at spaces, but not between quotes. @param {string} [text] */
export const matchers = (text = "") => text.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? [];

/** What a form begins with. */
export const fresh = () => ({ open: true, kind: "for", days: [], zone: Intl.DateTimeFormat().resolvedOptions().timeZone });

/** @param {Record<string, string>} given @param {any} page */
function when(given, { kind, days, zone }) {
  if (kind === "for") return { for: given.length };
  if (!isZone(zone)) throw new Problem(422, { detail: "Times need a zone.", errors: [{ field: "windows.timeZone", message: "is not a zone such as Europe/Paris" }] });
  const at = (/** @type {string | undefined} */ wall) => (wall ? instant(wall, zone) : undefined);
  const endsAt = at(given.endsAt);
  if (kind === "until") return { startsAt: at(given.startsAt), endsAt };
  if (kind === "rule") return { startsAt: at(given.startsAt), endsAt, windows: { rrule: given["windows.rrule"] ?? "", timeZone: zone, duration: given["windows.duration"] ?? "" } };
  if (!days.length) throw new Problem(422, { detail: "Tick the days on which it opens." });
  const rrule = `FREQ=WEEKLY;BYDAY=${days.map((/** @type {string} */ day) => day.slice(0, 2).toUpperCase()).join(",")}`;
  // Counted from yesterday: a night that has begun is quiet, too.
  const startsAt = at(`${later(local(now(), zone).slice(0, 10), -1)}T${given.from}`);
  return { startsAt, endsAt, windows: { rrule, timeZone: zone, duration: `${minutes(given.from, given.to)}m` } };
}

/** @param {Record<string, string>} given @param {any} page */
const asked = (given, page) => ({
  team: given.team ?? null, matchers: matchers(given.matchers), reason: given.reason ?? "", force: Boolean(given.force), ...when(given, page),
});

/** @param {import("../types.js").State} s @param {[string, string][]} teams @param {() => Promise<any>} done */
export function form(s, teams, done) {
  const page = s.page.add;
  const set = (/** @type {object} */ more) => {
    setPage("add", { ...s.page.add, error: null, ...more });
    setPage("seen", null);
  };
  const make = submit("add", async (given) => {
    const body = asked(given, s.page.add);
    if (s.page.add.look) return setPage("seen", await call("POST", "/silences/preview", { body, key: requestKey() }));
    await call("POST", "/silences", { body, key: requestKey() });
    setPage("seen", null);
    setPage("add", { open: false });
    toast("Silenced.");
    await done();
  });
  const look = (/** @type {boolean} */ is) => () => setPage("add", { ...s.page.add, look: is });
  const change = (/** @type {any} */ event) => {
    if (event.target.name === "kind") set({ kind: event.target.value });
    if (event.target.name === "windows.timeZone") set({ zone: event.target.value.trim() });
  };
  return html`
    <form class="form" @submit=${make} @change=${change} @input=${() => s.page.seen && setPage("seen", null)}>
      <div class="two">
        ${choice("team", "Whose alerts", teams, teams[0][0])}
        ${field("matchers", "Which", { key: "add", placeholder: "@service=checkout host=~db-.*", hint: "Labels as sent, or @service, @team, @severity; with =, !=, =~ or !~. All must hold." })}
        ${field("reason", "Why", { key: "add", required: true, placeholder: "deploy" })}
        ${choice("kind", "When", KINDS, page.kind)}
        ${page.kind === "for" ? choice("length", "How long", LENGTHS, "1h") : times(page, set)}
      </div>
      <label class="check"><input type="checkbox" name="force"> I mean it, even if it silences nearly everything</label>
      ${s.page.seen ? seen(s.page.seen, page) : nothing}
      <div class="actions">
        <div @click=${look(false)}>${send("add", "Silence")}</div>
        <button @click=${look(true)}>See what it matches</button>
      </div></form>`;
}

/** @param {any} page @param {(more: object) => void} set */
function times({ kind, days: chosen, zone }, set) {
  const moment = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint) => field(name, `${label}, in ${zone}`, { key: "add", type: "datetime-local", required: !hint, hint });
  const clocks = html`${field("windows.timeZone", "By the clocks of", { key: "add", required: true, value: zone, list: "zones" })}
    <datalist id="zones">${Intl.supportedValuesOf("timeZone").map((one) => html`<option value=${one}></option>`)}</datalist>`;
  const last = () => moment("endsAt", "The last time before", "Left out: it comes again for ever");
  if (kind === "until") return html`${moment("startsAt", "From", "Left out: now")}${moment("endsAt", "Until", "")}${clocks}`;
  if (kind === "weekly") {
    return html`<div class="wide">${days("On", chosen, (days) => set({ days }))}</div>
      ${field("from", `From, in ${zone}`, { key: "add", type: "time", required: true, value: "02:00" })}
      ${field("to", `Until, in ${zone}`, { key: "add", type: "time", required: true, value: "04:00", hint: "At or before its begin: on the next day" })}
      ${clocks}${last()}`;
  }
  return html`${field("windows.rrule", "On which days", { key: "add", required: true, value: "FREQ=MONTHLY;BYDAY=1SU", hint: "FREQ with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH and WKST, as in RFC 5545" })}
    ${field("windows.duration", "How long each time", { key: "add", required: true, value: "2h", hint: "30m, 2h, up to 7d" })}
    ${moment("startsAt", "The first time", "Its day counts for the rule, its time of day for all; left out: now")}${clocks}${last()}`;
}

/** @param {{matching: number, firing: number}} of alerts */
const count = ({ matching, firing }) => (matching < firing ? `${matching} of ${firing} alerts` : firing === 1 ? "its alert" : `all ${firing} alerts`);

/** What was asked for, as long as the form still says so. @param {any} found @param {any} page */
const seen = (found, { kind, zone }) => html`
  <section aria-live="polite">
    <h3>It would be quiet, in ${zone}</h3>
    <ul>${found.spans.map((/** @type {any} */ one) => html`<li>${span(one, zone)}</li>`)}
      ${(kind === "weekly" || kind === "rule") && found.spans.length === SPANS ? html`<li class="muted">and so on</li>` : nothing}</ul>
    <h3>${found.items.length ? "It would match" : "Nothing that fires now matches."}</h3>
    <ul>${found.items.map((/** @type {any} */ one) => html`<li><a href="/incidents/${one.id}">#${one.id}</a> ${one.title}: ${count(one)}
      ${one.silenced ? "would be silenced" : "and would still be heard"}</li>`)}</ul>
    ${found.more ? html`<p class="meta">There is more than is shown.</p>` : nothing}</section>`;
