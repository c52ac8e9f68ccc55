// Which incident goes on, when two or more of them are one.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { byNeed, isOpen } from "../incidents.js";
import { changed } from "../state.js";
import { badge } from "../words.js";
import { cancel, go, which } from "./dialogs.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Dialog} Dialog */

/** @param {State} s @param {Dialog} of */
export function ask(s, of) {
  const teams = new Set(of.ids.map((id) => s.incidents.get(id)?.team.id));
  const several = of.ids.length > 1;
  const wanted = String(of.text ?? "").toLowerCase();
  const found = [...s.incidents.values()]
    .filter((i) => isOpen(i) && teams.size === 1 && teams.has(i.team.id) && (several ? of.ids.includes(i.id) : !of.ids.includes(i.id)))
    .filter((i) => !wanted || i.title.toLowerCase().includes(wanted) || `#${i.id}`.includes(wanted))
    .sort(byNeed).slice(0, 50);
  return html`
    <h2 id="dialog-title">Merge ${which(of)} into</h2>
    <p class="meta">${several ? "The one that you choose goes on; the others are resolved and their alerts move to it." : "That one goes on with the alerts of both. This cannot be undone."}</p>
    <div class="field"><label class="hidden-text" for="into">Find</label>
      <input id="into" type="search" placeholder="Title or number" .value=${live(String(of.text ?? ""))} @input=${(/** @type {any} */ event) => { of.text = event.target.value; changed(); }}></div>
    <div class="choices one">
      ${found.map((i) => html`<button @click=${() => go({ ...of, ids: of.ids.filter((id) => id !== i.id) }, { action: "merge", into: i.id })}>
        <span class="badge ${badge(i).kind}">${badge(i).word}</span><span dir="auto">#${i.id} ${i.title}</span></button>`)}
      ${found.length ? nothing : html`<p class="muted">${teams.size > 1 ? "Only incidents of one team can be merged." : "No other incident of this team is open."}</p>`}
    </div>
    <div class="actions">${cancel}</div>`;
}
