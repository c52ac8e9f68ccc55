// An incident's story, oldest first, with the place to write a note.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { act } from "../act.js";
import { clockTime, day, full } from "../clock.js";
import { mayAct } from "../incidents.js";
import { markdown } from "../markdown.js";
import { changed, draftOf, keepDraft } from "../state.js";
import { doer, happened, many } from "../words.js";
import { bars } from "./shell.js";

/** @typedef {import("../types.js").Detail} Detail */
/** @typedef {import("../types.js").Incident} Incident */

const MEMBERS = new Set(["alert_added", "alert_resolved"]);
/** So many alerts that come and go in a row are told in one line. */
const FEW = 4;

/** @param {import("../types.js").State} s @param {Incident} i @param {Detail} detail */
export function timeline(s, i, detail) {
  return html`
    <section><h2>Timeline</h2>
      ${mayAct(i) ? noteForm(s, i) : nothing}
      ${detail.ready || detail.events.length ? html`<ol class="timeline">${entries(detail.events)}</ol>` : bars(3)}
      ${detail.error ? html`<p class="wrong" role="alert">${detail.error}</p>` : nothing}
    </section>`;
}

/** @param {any[]} events */
function entries(events) {
  const lines = [];
  let lastDay = events.length ? day(events[0].at) : "";
  const first = lastDay;
  for (let at = 0; at < events.length; ) {
    const event = events[at];
    const today = day(event.at);
    if (today !== lastDay || (at === 0 && first !== day(events[events.length - 1].at))) lines.push(html`<li class="day meta">${today}</li>`);
    lastDay = today;
    let end = at;
    while (end < events.length && MEMBERS.has(events[end].reason)) end += 1;
    if (end - at > FEW) {
      const came = events.slice(at, end).filter((one) => one.reason === "alert_added").length;
      lines.push(line(event, `${many(came, "alert")} came, ${end - at - came} went, until ${clockTime(events[end - 1].at)}`, ""));
      at = end;
    } else {
      const { text, note } = happened(event);
      const who = doer(event);
      lines.push(line(event, html`<strong dir="auto">${who}</strong>${who ? text : text[0].toUpperCase() + text.slice(1)}`, note));
      at += 1;
    }
  }
  return lines;
}

/** @param {any} event @param {unknown} text @param {string} note */
const line = (event, text, note) => html`
  <li><time datetime=${event.at} title=${full(event.at)}>${clockTime(event.at)}</time>
    <div><span>${text}</span>${note ? html`<div class="note" dir="auto">${markdown(note)}</div>` : nothing}</div></li>`;

/** Above what grows; on a phone a sheet, opened by what is docked, holds it. @param {import("../types.js").State} s @param {Incident} i */
function noteForm(s, i) {
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = draftOf(i.id).trim();
    if (s.pending.has(i.id)) return;
    if (!body) return document.getElementById("note")?.focus();
    if (await act(i.id, { action: "addNote", body })) keepDraft(i.id, "");
    changed();
  };
  const quick = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
  };
  return html`
    <form class="note-form wide-only" @submit=${send}>
      <label class="hidden-text" for="note">Note</label>
      <textarea id="note" maxlength="4000" placeholder="What should the next person know?" .value=${live(draftOf(i.id))}
        @keydown=${quick} @input=${(/** @type {any} */ event) => { keepDraft(i.id, event.target.value); }}></textarea>
      <div class="actions"><button aria-disabled=${s.pending.has(i.id) ? "true" : nothing}>Add note</button><span class="meta">**bold**, \`code\`, lists and links work.</span></div>
    </form>`;
}
