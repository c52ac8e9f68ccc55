// One incident as a row of the list, of fixed height; on a phone two lines and a button.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { age, now } from "../clock.js";
import { does } from "../does.js";
import { mayAct, need } from "../incidents.js";
import { select } from "../keys.js";
import { justMoved } from "../order.js";
import { toast } from "../say.js";
import { changed, state } from "../state.js";
import { badge, who } from "../words.js";
import { isWide, place, rowHeight } from "../window.js";

/** @typedef {import("../types.js").Incident} Incident */

/** So long a new row is marked as new. */
const FRESH = 2_500;

/** @param {Incident} i */
function doing(i) {
  if (!mayAct(i)) return nothing;
  const [word, action] =
    i.status === "triggered" ? ["Ack", "acknowledge"] : i.status === "acknowledged" ? ["Resolve", "resolve"] : i.mergedInto ? ["", ""] : ["Reopen", "reopen"];
  if (!word) return nothing;
  const before = () => {
    if (justMoved()) toast("The rows had just moved. Nothing was done.");
    else state.list.cursor = i.id;
    return !justMoved();
  };
  return html`<button ${does(i, word, { action }, { named: ` #${i.id}, ${i.title}`, before })}></button>`;
}

/** @param {number} id */
function point(id) {
  state.list.cursor = id;
  changed();
}

/** @param {Incident} i @param {number} index */
export function row(i, index) {
  const mark = badge(i);
  const { selected, cursor } = state.list;
  const classes = ["row", mark.kind === "fire" ? "fire" : "", need(i) === 9 ? "over" : "", selected.has(i.id) ? "chosen" : "", cursor === i.id ? "cursor" : "", now() - Date.parse(i.createdAt) < FRESH ? "fresh" : ""];
  const since = i.status === "resolved" ? i.resolvedAt : i.createdAt;
  const [told, next, time] = who(i);
  const names = html`<span class=${next && "told"}>${told}</span> <span>${next}</span> <span class="time">${time}</span>`;
  const title = html`<a href="/incidents/${i.id}" title=${i.title}><span dir="auto">${i.title}</span></a>`;
  const pick = html`<label><input type="checkbox" .checked=${live(selected.has(i.id))} @change=${() => select(i.id)} aria-label="Select #${i.id}"></label>`;
  return html`
    <div class=${classes.join(" ")} role="row" tabindex="-1" aria-rowindex=${index + 2}
      data-index=${index} data-id=${i.id} ${place(index * rowHeight())} @focus=${() => point(i.id)}>
      ${isWide() ? html`
        <div class="pick" role="cell">${pick}</div>
        <div role="cell"><span class="badge ${mark.kind}">${mark.word}</span></div>
        <div class="age muted" role="cell">${age(since)}</div>
        <div class="id muted" role="cell">#${i.id}</div>
        <div class="title" role="cell">${title}</div>
        <div class="service muted" role="cell" title=${i.team.name}>${i.service?.name ?? i.team.name}</div>
        <div class="who" role="cell" title="${told} ${next} ${time}">${names}</div>
        <div class="alerts muted" role="cell">${i.alertCount}</div>
        <div class="do" role="cell">${doing(i)}</div>`
      : html`
        ${state.list.picking ? html`<div class="pick" role="cell">${pick}</div>` : nothing}
        <div class="what title" role="cell">${title}
          <div class="line"><span class="badge ${mark.kind}">${mark.word}</span><span>${age(since)}</span>
            <span class="muted where">${i.service?.name ?? i.team.name}</span><span class="muted who">${names}</span></div></div>
        <div class="do" role="cell">${doing(i)}</div>`}
    </div>`;
}
