// The page of one incident: what it is, who has it, everything that can be done, and its story.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { age, full, until } from "../clock.js";
import { openIncident } from "../detail.js";
import { does } from "../does.js";
import { quoted } from "../filter.js";
import { mayAct, need } from "../incidents.js";
import { copyLink, open } from "../keys.js";
import { inline, link } from "../markdown.js";
import { go, listAddress } from "../router.js";
import { changed } from "../state.js";
import { badge, many, named, verdict } from "../words.js";
import { timeline } from "./timeline.js";
import { bars, broken } from "./shell.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Incident} Incident */

/** @param {State} s */
export function incident(s) {
  const detail = s.detail;
  const id = Number(s.route.id);
  if (!detail || detail.id !== id) return bars();
  const i = s.incidents.get(id);
  if (detail.missing || (detail.error && !i)) {
    return broken({ status: detail.missing ? 404 : 0, words: detail.missing ? `There is no incident #${id}, or it belongs to a team that is not yours.` : detail.error }, () => openIncident(id));
  }
  if (!i) return bars();
  const mark = badge(i);
  return html`
    <article class="incident has-bar">
      <div class="crumb"><a href=${listAddress(s.list.filter)}><span aria-hidden="true">←</span>&nbsp;Incidents</a>
        <span class="muted">#${i.id} ${i.service ? html`<a href="/services/${i.service.slug}">${i.service.name}</a>` : nothing}</span></div>
      <h1 dir="auto">${i.title}</h1>
      <div class="verdict ${mark.kind === "quiet" ? "calm" : mark.kind}">
        <span class="badge ${mark.kind}">${mark.word}</span>
        <p>${verdict(i)}${i.flapping ? " It comes and goes." : ""}</p>
        ${primary(i)}
      </div>
      ${tools(s, i)}
      ${i.description ? html`<p class="said" dir="auto">${inline(i.description)}</p>` : nothing}
      <div class="columns">
        <div>${timeline(s, i, detail)}</div>
        <div>
          ${i.links?.length ? html`<section class="links"><h2>Links</h2><ul>${i.links.map((one) => html`<li>${link(one.href, one.text || one.href)}</li>`)}</ul></section>` : nothing}
          ${deliveries(detail)}
          ${alerts(i, detail)}
          ${facts(i)}
        </div>
      </div>
      ${quickbar(s, i)}
    </article>`;
}

/** What is done most. @param {Incident} i @returns {[string, any]} */
function first(i) {
  if (i.status === "triggered") return ["Acknowledge", { action: "acknowledge" }];
  if (i.status === "acknowledged") return ["Resolve", { action: "resolve" }];
  return ["Reopen", i.mergedInto ? null : { action: "reopen" }];
}

/** @param {State} s @param {Incident} i @returns {[string, any]} */
function second(s, i) {
  if (i.status === "triggered") return ["Resolve", { action: "resolve" }];
  const others = i.status === "acknowledged" && i.acknowledgedBy?.id !== s.me?.user?.id;
  return ["Take it", others ? { action: "acknowledge", take: true } : null];
}

/** @param {Incident} i */
function primary(i) {
  return mayAct(i) && !i.mergedInto ? html`<button class="primary" ${does(i, ...first(i))}></button>` : nothing;
}

/** All else that can be done. Each has its place whatever the incident is, so that none comes to
 * stand under a finger that was meant for another. @param {Incident} i */
function others(i) {
  const isOpen = i.status !== "resolved";
  const lower = i.urgency === "high";
  const now = (/** @type {any} */ action, is = isOpen) => (is ? action : null);
  return html`
    <button ?disabled=${!isOpen} @click=${() => open("snooze", [i.id])}>Snooze</button>
    <button ?disabled=${!isOpen} @click=${() => open("reassign", [i.id])}>Reassign</button>
    <button ${does(i, "Escalate", now({ action: "escalate" }))}></button>
    <button ${does(i, "Give back", now({ action: "unacknowledge" }, i.status === "acknowledged"))}></button>
    <button class="urgency" ${does(i, lower ? "Lower the urgency" : "Raise the urgency", now({ action: "urgency", to: lower ? "low" : "high" }))}></button>
    <button ?disabled=${!isOpen} @click=${() => open("merge", [i.id])}>Merge</button>
    <button @click=${() => copyLink(i.id)}>Copy link</button>`;
}

/** @param {State} s @param {Incident} i */
function tools(s, i) {
  if (!mayAct(i)) return html`<p class="tools muted">You may look at this incident, not act on it.</p>`;
  return html`<div class="tools" role="group" aria-label="Actions"><button class="second" ${does(i, ...second(s, i))}></button>${others(i)}</div>`;
}

/** On a phone: docked where the thumb is. @param {State} s @param {Incident} i */
function quickbar(s, i) {
  if (!mayAct(i)) return nothing;
  const close = (/** @type {Event} */ event) => { /** @type {any} */ (event.currentTarget).closest("details").open = false; };
  return html`
    <div class="quickbar narrow-only" role="group" aria-label="Actions">
      <button class="primary" ${does(i, ...first(i))}></button>
      <button ${does(i, ...second(s, i))}></button>
      <button @click=${() => open("note", [i.id])}>Note</button>
      <details class="menu up"><summary aria-label="More actions"><span aria-hidden="true">…</span></summary>
        <div class="menu-items" @click=${close}>${others(i)}</div></details>
    </div>`;
}

/** @type {Record<string, [string, string]>} */
const STATES = { sent: ["Sent", "calm"], queued: ["On its way", ""], failed: ["Failed", "ack"], dropped: ["Not sent", "quiet"] };
/** @type {Record<string, string>} */
const KINDS = { all_clear: "all clear", update: "news", notice: "notice", test: "test" };

/** Who was told, by what, when, and what became of it; the last first. @param {import("../types.js").Detail} detail */
function deliveries(detail) {
  if (!detail.deliveries.length) return nothing;
  const all = detail.deliveries;
  return html`
    <section><h2>Told</h2>
      <ul class="alerts-list">${all.slice(0, detail.open ? all.length : 8).map((one) => {
        const [word, kind] = STATES[one.state] ?? [one.state, "quiet"];
        return html`<li><div class="first"><span class="badge ${kind}">${word}</span>
            <strong>${one.user ? named(one.user) : one.contact}</strong></div>
          <p class="meta">${one.channel}${one.user && one.contact !== one.channel ? `, ${one.contact}` : ""}${KINDS[one.kind] ? `, ${KINDS[one.kind]}` : ""},
            <time datetime=${one.endedAt ?? one.dueAt} title=${full(one.endedAt ?? one.dueAt)}>${until(one.endedAt ?? one.dueAt)}</time>${one.attempts > 1 ? `, ${many(one.attempts, "attempt")}` : ""}${one.outcome && one.outcome !== one.state ? `: ${one.outcome}` : ""}</p></li>`;
      })}</ul></section>`;
}

/** @param {Incident} i @param {import("../types.js").Detail} detail */
function alerts(i, detail) {
  return html`
    <section><h2>Alerts <span class="meta">${i.firingCount} of ${detail.alerts.length || i.alertCount} firing, reported ${many(i.alertCount, "time")}</span></h2>
      ${detail.ready || detail.alerts.length ? html`
      <ul class="alerts-list">${detail.alerts.slice(0, detail.open ? 200 : 8).map((alert) => html`
        <li><div class="first"><span class="badge ${alert.status === "firing" ? (need(i) <= 1 ? "fire" : "") : "quiet"}">${alert.status === "firing" ? "Firing" : "Over"}</span>
            <strong dir="auto">${alert.title}</strong></div>
          <p class="meta">${alert.severity}${alert.source ? html`, from ${alert.source}` : nothing}, for ${age(alert.startsAt ?? alert.firstAt)}${alert.stale ? ", not reported for long" : ""}</p>
          ${alert.description && alert.description !== i.description ? html`<p dir="auto">${inline(alert.description)}</p>` : nothing}</li>`)}
      </ul>
      ${detail.alerts.length > 8 && !detail.open ? html`<button @click=${() => { detail.open = true; changed(); }}>Show all ${detail.alerts.length}</button>` : nothing}` : bars(2)}
    </section>`;
}

/** @param {Incident} i */
function facts(i) {
  const labels = Object.entries(i.labels ?? {});
  return html`
    <section><h2>Labels</h2>
      ${labels.length ? html`<dl class="labels">${labels.map(([name, value]) => html`
        <dt dir="auto">${name}</dt><dd><button class="plain" title="Show incidents with this label" @click=${() => go(listAddress(`${name}=${quoted(value)}`))}><span dir="auto">${value}</span></button></dd>`)}</dl>`
      : html`<p class="muted">None were sent.</p>`}
    </section>
    <section><h2>Facts</h2>
      <dl class="labels">
        <dt>Team</dt><dd>${i.team.name}</dd>
        <dt>Severity</dt><dd>${i.severity}</dd>
        <dt>Urgency</dt><dd>${i.urgency}</dd>
        <dt>Opened</dt><dd>${full(i.createdAt)}</dd>
        ${i.resolvedAt ? html`<dt>Resolved</dt><dd>${full(i.resolvedAt)}</dd>` : nothing}
        <dt>Dedup key</dt><dd dir="auto">${i.dedupKey}</dd>
      </dl>
    </section>`;
}
