// The list of incidents: what needs whom, the filter, rows, selection, history.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { ask } from "../act.js";
import { ago, now, until } from "../clock.js";
import { fieldOf, misread, parse, statuses, withField } from "../filter.js";
import { loadOlder } from "../history.js";
import { allCounts } from "../incidents.js";
import { open } from "../keys.js";
import { engage, hold, release, rows } from "../order.js";
import { setFilter } from "../router.js";
import { changed } from "../state.js";
import { many, onCallNow } from "../words.js";
import { boxOf, isWide, visible } from "../window.js";
import { row } from "./row.js";
import { bars } from "./shell.js";

/** @typedef {import("../types.js").State} State */

/** @param {State} s */
export function list(s) {
  const shown = rows();
  const { first, end } = visible(shown.ids.length);
  const near = shown.ids.slice(first, end);
  return html`
    <div class="list ${s.list.picking ? "picking" : ""} ${s.list.selected.size ? "has-bar" : ""}">
      ${summary(s)}
      ${filterBar(s)}
      ${!s.loaded && !shown.ids.length ? bars(8) : shown.ids.length ? html`
        <div class="table-box"
          @pointerenter=${(/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && engage("mouse", true)}
          @pointermove=${(/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && engage("mouse", true)}
          @pointerleave=${() => engage("mouse", false)}
          @pointerdown=${(/** @type {PointerEvent} */ event) => event.pointerType !== "mouse" && hold()}
          @focusin=${() => engage("focus", true)} @focusout=${() => engage("focus", false)}>
          ${head(s, shown)}
          <div role="table" aria-label="Incidents" aria-rowcount=${shown.ids.length + 1}>
          ${columns()}
          <div class="stack-rows" role="rowgroup" ${boxOf(shown.ids.length)}>
            ${repeat(near, (id) => id, (id, at) => {
              const incident = s.incidents.get(id);
              return incident ? row(incident, first + at) : nothing;
            })}
          </div>
          </div>
        </div>` : empty(s)}
      ${older(s)}
    </div>`;
}

/** @param {State} s */
function summary(s) {
  const of = allCounts();
  const rest = [of.low && `${of.low} low`, of.acked && `${of.acked} acked`, of.snoozed && `${of.snoozed} snoozed`].filter(Boolean).join(", ");
  const calm = s.loaded && !of.unanswered;
  const aside = (isWide() && onCall(s)) || ((of.unanswered ? isWide() : calm && rest) && proof(s));
  return html`
    <div class="summary">
      ${of.unanswered
        ? html`<h1 class=${of.unanswered > of.low ? "unanswered" : ""}>${of.unanswered}${s.live.partial ? "+" : ""} unanswered</h1>`
        : html`<h1>${!s.loaded ? "Incidents" : rest ? "Nothing urgent" : s.hearing && !s.hearing.at ? "Nothing heard yet" : "No open incidents"}</h1>`}
      ${of.untold ? html`<strong class="unanswered">${of.untold} untold: nobody could be told</strong>` : nothing}
      ${rest ? html`<span class="muted">${rest}</span>` : nothing}
      ${aside ? html`<span class="proof meta">${aside}</span>` : nothing}
    </div>${gap(s)}`;
}

/** Who would be told. @param {State} s */
function onCall(s) {
  const people = s.hearing?.onCall ?? [];
  return people.length ? html`<a class="quiet-link" href="/on-call">On call: ${onCallNow(people)}</a>` : "";
}

/** So long before nobody is on call it is said here; the on-call page shows all that is known. */
const SOON = 86_400_000;

/** @param {State} s */
function gap(s) {
  const next = s.hearing?.gaps[0];
  if (!next || Date.parse(next.start) > now() + SOON || Date.parse(next.end) < now()) return nothing;
  const from = Date.parse(next.start) <= now() ? "" : ` from ${until(next.start)}`;
  return html`<p class="gap wrong">Nobody is on call for ${next.schedule.slug}${from} until ${until(next.end)}. <a href="/on-call/${next.schedule.slug}">Stand in</a></p>`;
}

/** Calm proves that we hear. @param {State} s */
export function proof(s) {
  const last = s.hearing;
  if (!last) return nothing;
  if (!last.at) return last.integrations ? "No alert has ever arrived." : "No sender is connected yet.";
  return html`Last alert ${ago(last.at)}, from ${last.from}`;
}

/** @param {State} s */
function filterBar(s) {
  const text = s.list.filter;
  return html`
    <form class="filter" role="search" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="grow">
        <label class="hidden-text" for="filter">Filter</label>
        <input id="filter" type="search" autocomplete="off" spellcheck="false" enterkeyhint="done" maxlength="500"
          placeholder=${isWide() ? "Filter: status:all team:payments instance=~db-.* disk" : "Filter"}
          .value=${live(text)} @input=${(/** @type {any} */ event) => setFilter(event.target.value)}>
      </div>
      <details class="menu" .open=${live(s.list.facets)} @toggle=${(/** @type {any} */ event) => { s.list.facets = event.target.open; }}>
        <summary class="button">Filter</summary>
        <div class="menu-items facets">${facets(s)}</div>
      </details>
    </form>
    ${misread(text).map((why) => html`<p class="misread wrong">${why}</p>`)}`;
}

/** @param {State} s */
function facets(s) {
  const text = s.list.filter;
  const known = [...s.incidents.values()];
  const teams = new Map(known.map((i) => [i.team.slug, i.team.name]));
  const services = new Map(known.flatMap((i) => (i.service ? [[i.service.slug, i.service.name]] : [])));
  for (const team of s.me?.teams ?? []) teams.set(team.slug, team.name);
  const pick = (/** @type {string} */ name, /** @type {string} */ label, /** @type {[string, string][]} */ choices) => html`
    <div class="field"><label for="facet-${name}">${label}</label>
      <select id="facet-${name}" .value=${live(fieldOf(text, name))} @change=${(/** @type {any} */ event) => setFilter(withField(s.list.filter, name, event.target.value))}>
        ${choices.map(([value, word]) => html`<option value=${value} ?selected=${fieldOf(text, name) === value}>${word}</option>`)}
      </select></div>`;
  const sorted = (/** @type {Map<string, string>} */ map) => [...map].sort((a, b) => a[1].localeCompare(b[1]));
  return html`
    ${pick("status", "Status", [["", "Open"], ["triggered", "Unanswered"], ["acknowledged", "Acknowledged"], ["resolved", "Resolved"], ["all", "All"]])}
    ${pick("team", "Team", [["", "All my teams"], ...sorted(teams)])}
    ${pick("service", "Service", [["", "Every service"], ...sorted(/** @type {Map<string, string>} */ (services))])}
    ${pick("urgency", "Urgency", [["", "High and low"], ["high", "High"], ["low", "Low"]])}
    ${pick("assignee", "Who has it", [["", "Anybody"], ["me", "Me"]])}
    <div class="actions"><button type="button" class="plain" @click=${() => setFilter("")}>Clear</button>
      <button type="button" @click=${() => { s.list.facets = false; changed(); }}>Done</button></div>`;
}

/** One line of fixed height: the columns' names, or what can be done with the selection.
 * @param {State} s @param {import("../order.js").Shown} shown */
function head(s, shown) {
  const { selected, picking } = s.list;
  const all = shown.ids.every((id) => selected.has(id));
  const some = selected.size > 0;
  const toggleAll = () => {
    if (all) selected.clear();
    else shown.ids.forEach((id) => selected.add(id));
    changed();
  };
  const pick = () => {
    s.list.picking = !picking;
    selected.clear();
    changed();
  };
  const wait = shown.waiting || shown.stale
    ? html`<button class="pill ${shown.urgent ? "fire" : ""}" @click=${release}>${shown.waiting ? `${shown.waiting} new, show` : "Order anew"}</button>` : nothing;
  if (!isWide()) {
    return html`<div class="head">
      ${picking ? html`<button class="plain" @click=${toggleAll}>${all ? "None" : `All ${shown.ids.length}`}</button>` : wait}
      <span class="grow"></span><button class="plain" aria-pressed=${picking ? "true" : "false"} @click=${pick}>${picking ? "Done" : "Select"}</button>
      ${some ? bulk(s) : nothing}</div>`;
  }
  return html`
    <div class="head">
      <label class="check"><input type="checkbox" .checked=${live(all)} .indeterminate=${live(some && !all)} @change=${toggleAll} aria-label="Select all ${shown.ids.length}"></label>
      ${some ? html`${bulk(s)}<span class="grow"></span><button class="plain" aria-label="Select none" @click=${() => { selected.clear(); changed(); }}><span class="roomy-only">Select none</span><span class="tight-only" aria-hidden="true">None</span></button>` : names()}
      ${wait}
    </div>`;
}

/** @param {State} s */
function bulk(s) {
  const chosen = [...s.list.selected];
  return html`<div class="bulk" role="group" aria-label="Act on the selection">
    <span class="count">${chosen.length} selected</span>
    <button @click=${() => ask(chosen, { action: "acknowledge" })}>Ack</button>
    <button @click=${() => ask(chosen, { action: "resolve" })}>Resolve</button>
    ${isWide() ? html`<button @click=${() => open("reassign", chosen)}>Reassign</button>` : nothing}
    <button @click=${() => open("snooze", chosen)}>Snooze</button>
    ${isWide() ? html`<button ?disabled=${chosen.length < 2} @click=${() => open("merge", chosen)}>Merge</button>` : nothing}
  </div>`;
}

/** What one sees of the columns' names; who listens hears `columns`. */
const names = () => html`
  <div class="row names" aria-hidden="true">
    <div>Status</div><div class="age">Age</div><div>ID</div><div>Title</div><div class="service">Service</div>
    <div>Who, next</div><div class="alerts">Alerts</div><div></div>
  </div>`;

function columns() {
  const all = isWide() ? ["Select", "Status", "Age", "ID", "Title", "Service", "Who, next", "Alerts", "Act"] : ["Incident", "Act"];
  return html`<div class="hidden-text" role="rowgroup"><div role="row" aria-rowindex="1">${all.map((name) => html`<span role="columnheader">${name}</span>`)}</div></div>`;
}

/** @param {State} s */
function empty(s) {
  const text = s.list.filter.trim();
  if (text && !(parse(text).every((term) => term.name === "status") && statuses(parse(text)).includes("resolved"))) {
    return html`<div class="empty card"><h2>Nothing matches <code>${text}</code>.</h2>
      <button @click=${() => setFilter("")}>Clear the filter</button></div>`;
  }
  const hears = s.hearing;
  if (!text && hears && !hears.at) {
    return html`<div class="empty card"><h2>No alert has ever arrived.</h2>
      <p class="muted">${hears.integrations ? "The senders are set up; send a test alert from a service's page." : "Connect a sender, and what it reports appears here by itself."}</p>
      <a class="button" href=${hears.integrations ? "/services" : "/setup"}>${hears.integrations ? "Services" : "Connect a sender"}</a></div>`;
  }
  return text ? html`<div class="empty card"><h2>Nothing was resolved yet.</h2></div>`
    : html`<div class="empty card"><h2 class="quiet-mark">All calm.</h2><p>${proof(s)}</p>${isWide() ? nothing : html`<p class="muted">${onCall(s)}</p>`}<a class="button" href="/incidents?q=status%3Aresolved">History</a></div>`;
}

/** @param {State} s */
function older(s) {
  if (!statuses(parse(s.list.filter)).includes("resolved")) return nothing;
  const { older } = s.list;
  if (older?.error) return html`<p class="older wrong">${older.error}</p>`;
  if (!older || older.busy) return html`<p class="older muted">Loading history…</p>`;
  return html`<div class="older">${older.next ? html`<button @click=${() => loadOlder(true)}>Older</button>` : html`<span class="muted">That is all: ${many(older.items.length, "resolved incident")}.</span>`}</div>`;
}
