// To whom an incident is handed.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { all, problem } from "../http.js";
import { changed } from "../state.js";
import { cancel, go, which } from "./dialogs.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Dialog} Dialog */

/** @param {State} s @param {Dialog} of */
export function ask(s, of) {
  if (!of.asked) {
    of.asked = true;
    const teams = [...new Set(of.ids.map((id) => s.incidents.get(id)?.team.slug).filter(Boolean))];
    Promise.all(teams.map((team) => all(`/teams/${team}/members`))).then(
      (lists) => { of.members = lists[0]?.filter((one) => lists.every((list) => list.some((other) => other.id === one.id))) ?? []; changed(); },
      (error) => { of.error = problem(error).words; changed(); },
    );
  }
  const members = /** @type {any[] | undefined} */ (of.members);
  const me = s.me?.user?.username;
  const may = members?.filter((one) => one.role !== "observer") ?? [];
  return html`
    <h2 id="dialog-title">Hand ${which(of)} to</h2>
    <div class="field"><label for="reason">Why, or what they should know (optional)</label>
      <input id="reason" maxlength="1000" @input=${(/** @type {any} */ event) => { of.reason = event.target.value; }}></div>
    <p class="meta">It counts as unanswered until they acknowledge it.</p>
    <div class="choices one">
      ${may.map((one) => html`<button @click=${() => go(of, { action: "reassign", to: one.username, ...(of.reason ? { reason: of.reason } : {}) })}>
        ${one.name}${one.username === me ? " (me)" : ""}</button>`)}
      ${members && !may.length ? html`<p class="muted">No one of this team can be given incidents.</p>` : nothing}
      ${of.error ? html`<p class="wrong" role="alert">${of.error}</p>` : nothing}
    </div>
    <div class="actions">${cancel}</div>`;
}
