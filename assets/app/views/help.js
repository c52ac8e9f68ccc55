// The help on keys, and whether they act.
import { html } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { keysAreOn } from "../keys.js";
import { remember } from "../state.js";
import { close } from "./dialogs.js";

const KEYS = [
  ["j k ↓ ↑", "move"], ["Enter", "open"], ["Esc", "back, or select none"], ["Space", "select"], ["a", "acknowledge"],
  ["u", "undo the last action"], ["r", "resolve; asks for a note, which may be empty"], ["s", "snooze"], ["n", "add a note"],
  ["m", "reassign"], ["e", "escalate"], ["y", "copy the link"], ["/", "filter"], ["?", "this help"],
];

export function ask() {
  return html`
    <h2 id="dialog-title">Keys</h2>
    <dl class="keys-list">${KEYS.map(([keys, what]) => html`<dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd>`)}</dl>
    <label class="check"><input type="checkbox" .checked=${live(keysAreOn())} @change=${(/** @type {any} */ event) => remember("keys", event.target.checked ? "on" : "off")}>
      Single keys act</label>
    <div class="actions"><button autofocus @click=${close}>Close</button></div>`;
}
