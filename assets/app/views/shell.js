// The frame around every page: top bar, navigation, the page itself, toasts, dialog, live region.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { clockTime, now, until } from "../clock.js";
import { reconnect } from "../live.js";
import { dismiss } from "../say.js";
import { logOut } from "../session.js";
import { setNotifications, setSound, soundIs, notificationsAre } from "../alarm.js";
import { dialog } from "./dialogs.js";

/** @typedef {import("../types.js").State} State */

/** @param {State} s */
const places = (s) => [
  { name: "incidents", href: "/", word: "Incidents", also: "incident" },
  { name: "on-call", href: "/on-call", word: "On-call", also: "" },
  { name: "services", href: "/services", word: "Services", also: "" },
  { name: "silences", href: "/silences", word: "Silences", also: "" },
  { name: "teams", href: "/teams", word: "Teams", also: "" },
  ...(s.me?.admin ? [{ name: "users", href: "/users", word: "People", also: "" }] : []),
];

/** @param {State} s @param {{name: string, also: string}} place */
const current = (s, place) => (s.route.name.split("/")[0] === place.name || s.route.name === place.also ? "page" : nothing);

/** @param {State} s @param {unknown} page */
export function shell(s, page) {
  const lost = s.live.is === "lost";
  return html`
    <a class="skip" href="#main">To the page</a>
    <header class="top ${lost ? "stale" : ""}">
      <div class="top-in">
        <a class="brand" href="/">incidentd</a>
        <nav class="nav" aria-label="Pages">
          ${places(s).map((place) => html`<a href=${place.href} aria-current=${current(s, place)}>${place.word}</a>`)}
        </nav>
        ${lost ? lostBar(s) : html`<span class="grow"></span>${newer(s)}${liveMark(s)}`}
        ${lost ? nothing : html`<button class="plain wide-only roomy-only" aria-pressed=${soundIs() ? "true" : "false"} @click=${() => setSound(!soundIs())}>Sound ${soundIs() ? "on" : "off"}</button>`}
        <details class="menu wide-only">
          <summary>${s.me?.user?.name || s.me?.user?.username || "Host"} <span aria-hidden="true">▾</span></summary>
          <div class="menu-items">${mine(s)}</div>
        </details>
      </div>
    </header>
    <main id="main" tabindex="-1">${unreached(s)}${page}</main>
    <nav class="dock" aria-label="Pages">
      ${places(s).slice(0, 2).map((place) => html`<a href=${place.href} aria-current=${current(s, place)}>${place.word}</a>`)}
      <details class="menu up ${["incidents", "incident", "on-call"].includes(s.route.name) ? "" : "here"}">
        <summary aria-label="More pages"><span aria-hidden="true">☰</span>&nbsp;More</summary>
        <div class="menu-items">
          ${places(s).slice(2).map((place) => html`<a href=${place.href} aria-current=${current(s, place)}>${place.word}</a>`)}
          <hr>${mine(s)}
        </div>
      </details>
    </nav>
    <div class="toasts">
      ${s.toasts.map((one) => html`
        <div class="toast ${one.wrong ? "wrong" : ""}">
          <p>${coded(one.text)}</p>
          ${one.run ? html`<button @click=${() => { dismiss(one.id); one.run?.(); }}>${one.label}</button>` : nothing}
          <button class="icon" aria-label="Dismiss" @click=${() => dismiss(one.id)}><span aria-hidden="true">✕</span></button>
        </div>`)}
    </div>
    ${s.dialog ? dialog(s) : nothing}
    ${ear(s)}`;
}

/** I am on call, and would not hear of it. @param {State} s */
function unreached(s) {
  const mine = s.hearing?.unreachable.filter((one) => one.user.id === s.me?.user?.id) ?? [];
  // There it is settled, and nothing jumps away below one's finger.
  if (!mine.length || s.route.name === "profile") return nothing;
  const from = Date.parse(mine[0].start) > now() ? ` from ${until(mine[0].start)}` : "";
  return html`<p class="notice"><span><strong>You are on call for ${mine.map((one) => one.schedule.slug).join(" and ")}${from}, and nothing reaches you:</strong> you have no contact that is verified.</span>
    <a class="button" href="/profile">Say how you are told</a></p>`;
}

/** @param {State} s */
export const ear = (s) => html`<div class="hidden-text" role="status" aria-live="polite">${s.said}</div>`;

/** @param {State} s */
function mine(s) {
  const notifies = notificationsAre();
  return html`
    <a href="/profile">My profile</a>
    <a href="/tokens">API tokens</a>
    ${s.me?.admin ? html`<a href="/health">Health of the server</a><a href="/audit">Audit</a>` : nothing}
    <hr>
    <button @click=${() => setSound(!soundIs())} aria-pressed=${soundIs() ? "true" : "false"}>Sound <span class="muted">${soundIs() ? "on" : "off"}</span></button>
    ${notifies.why
      ? html`<p class="meta">${notifies.why}</p>`
      : html`<button @click=${() => setNotifications(!notifies.on)} aria-pressed=${notifies.on ? "true" : "false"}>Notifications <span class="muted">${notifies.on ? "on" : "off"}</span></button>`}
    <hr>
    <button @click=${logOut}>Log out</button>`;
}

/** @param {State} s */
function liveMark(s) {
  if (s.live.is === "live") return html`<span class="live" title="Connected; changes arrive by themselves">Live</span>`;
  return html`<span class="live waits">Connecting</span>`;
}

/** @param {State} s */
function newer(s) {
  return s.live.newer ? html`<button class="plain" aria-label="New version: reload" @click=${() => location.reload()}><span class="roomy-only">New version: reload</span><span class="tight-only" aria-hidden="true">Reload</span></button>` : nothing;
}

/** @param {State} s */
function lostBar(s) {
  const left = s.live.retryAt ? Math.max(0, Math.ceil((s.live.retryAt - Date.now()) / 1000)) : 0;
  const asOf = s.live.asOf ? ` As of ${clockTime(s.live.asOf)}.` : "";
  const offline = navigator.onLine ? "Connection lost." : "You are offline.";
  return html`
    <span class="lost">${offline}<span class="more">${asOf} Trying again${left > 0 ? ` in ${left} s.` : "…"}</span></span>
    <button @click=${reconnect}>Try now</button>`;
}

/** What the server says of commands, as commands. @param {string} text */
export const coded = (text) => text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** Grey bars of the final height, after a moment. @param {number} [many] */
export const bars = (many = 6) => html`<div class="bars late" aria-hidden="true">${Array.from({ length: many }, () => html`<span></span>`)}</div>`;

/** What went wrong with a page, and the way on. @param {any} error @param {() => void} again */
export const broken = (error, again) => html`
  <div class="empty">
    <h2>${error.status === 404 ? "There is nothing here that you may see." : "This could not be loaded."}</h2>
    <p class="muted">${coded(error.words)}</p>
    <div class="actions"><button @click=${again}>Try again</button><a class="button" href="/">Incidents</a></div>
  </div>`;
