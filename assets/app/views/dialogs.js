// What must be asked before it is done: until when, why. What is asked seldom comes when it is.
import { html, noChange, nothing } from "../../vendor/lit-html/lit-html.js";
import { Directive, directive } from "../../vendor/lit-html/directive.js";
import { act, actOnAll, VERBS } from "../act.js";
import { now, until } from "../clock.js";
import { toast } from "../say.js";
import { changed, draftOf, keepDraft, state } from "../state.js";
import { many } from "../words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Dialog} Dialog */
/** @typedef {(s: State, of: Dialog) => unknown} Inside */

/** Opens the browser's own modal dialog: it keeps the focus in, and Escape closes it. */
class Modal extends Directive {
  render() {
    return noChange;
  }
  /** @param {any} part */
  update(part) {
    const element = part.element;
    queueMicrotask(() => {
      if (!element.isConnected || element.open) return;
      const before = /** @type {HTMLElement | null} */ (document.activeElement);
      // What opened it may be shut in its menu by now.
      element.addEventListener("close", () => (before?.closest("details:not([open])")?.querySelector("summary") ?? before)?.focus(), { once: true });
      element.showModal();
    });
    return noChange;
  }
}
const modal = directive(Modal);

export function close() {
  const open = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"));
  open?.close();
  state.dialog = null;
  changed();
}

/** @type {Record<string, () => Promise<{ask: Inside}>>} */
const LATER = {
  reassign: () => import("./reassign.js"), merge: () => import("./merge.js"), help: () => import("./help.js"), sure: () => import("./parts.js"),
};
// A little after the page, not when it is needed: by then the server may be gone.
setTimeout(() => Object.values(LATER).forEach((load) => load().catch(() => {})), 5_000);
/** @type {Record<string, Inside>} */
const INSIDE = { snooze, note, resolve: note, confirm };

/** @param {State} s */
export function dialog(s) {
  const of = /** @type {Dialog} */ (s.dialog);
  const inside = INSIDE[of.kind];
  if (!inside) {
    LATER[of.kind]().then((module) => { INSIDE[of.kind] = module.ask; }, () => {
      if (state.dialog === of) state.dialog = null;
      toast("The server does not answer, so this cannot be asked.", { wrong: true });
    }).finally(changed);
    return nothing;
  }
  // A second click in haste neither closes it nor takes the focus from what is asked.
  return html`
    <dialog class=${of.kind} aria-labelledby="dialog-title" ${modal()}
      @close=${() => { if (state.dialog === of) { state.dialog = null; changed(); } }}
      @mousedown=${(/** @type {any} */ event) => event.target.tagName === "DIALOG" && event.preventDefault()}
      @click=${(/** @type {any} */ event) => event.target.tagName === "DIALOG" && event.detail < 2 && close()}>
      ${inside(s, of)}
    </dialog>`;
}

/** @param {Dialog} of */
export const which = (of) => (of.ids.length === 1 ? `#${of.ids[0]}` : many(of.ids.length, "incident"));
export const cancel = html`<button type="button" @click=${close}>Cancel</button>`;

/** One at once; several were counted in the question already. @param {Dialog} of @param {any} action */
export function go(of, action) {
  close();
  if (of.ids.length === 1) return act(of.ids[0], action);
  return actOnAll(of.ids, action);
}

/** The next time that a clock here shows `hour`. @param {number} hour */
function nextHour(hour) {
  const at = new Date(now());
  at.setHours(hour, 0, 0, 0);
  if (at.getTime() <= now() + 600_000) at.setDate(at.getDate() + 1);
  return at.toISOString();
}

/** @param {State} _ @param {Dialog} of */
function snooze(_, of) {
  const spans = [["30m", "30 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["4h", "4 hours"], ["12h", "12 hours"], ["1d", "1 day"]];
  const custom = (/** @type {Event} */ event) => {
    event.preventDefault();
    const at = new Date(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("until")));
    if (!Number.isNaN(at.getTime())) go(of, { action: "snooze", until: at.toISOString() });
  };
  const morning = nextHour(8);
  return html`
    <h2 id="dialog-title">Snooze ${which(of)}</h2>
    <div class="choices">
      ${spans.map(([span, word]) => html`<button @click=${() => go(of, { action: "snooze", for: span })}>${word}</button>`)}
      <button @click=${() => go(of, { action: "snooze", until: morning })}>Until ${until(morning)}</button>
    </div>
    <form class="form" @submit=${custom}>
      <div class="field"><label for="until">Until, by this device's clock</label><input id="until" name="until" type="datetime-local" required></div>
      <div class="actions"><button class="primary">Snooze</button>${cancel}</div>
    </form>`;
}

/** A note, or what a resolve has to say. @param {State} s @param {Dialog} of */
function note(s, of) {
  const ends = of.kind === "resolve";
  const one = of.ids.length === 1 ? of.ids[0] : 0;
  // A note is the same that one may have begun on the page of the incident.
  const draft = ends ? `${one}.resolve` : one;
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("body")).trim();
    if (!body && !ends) return;
    if (one) keepDraft(draft, "");
    go(of, ends ? { action: "resolve", ...(body ? { note: body } : {}) } : { action: "addNote", body });
  };
  const quick = (/** @type {any} */ event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || !(ends || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  };
  return html`
    <h2 id="dialog-title">${ends ? "Resolve" : "Note on"} ${which(of)}</h2>
    ${one ? html`<p class="meta" dir="auto">${s.incidents.get(one)?.title}</p>` : nothing}
    <form class="form" @submit=${send}>
      <div class="field"><label for="note-body">${ends ? "Note (may be empty)" : "Note"}</label>
        <textarea id="note-body" name="body" maxlength="4000" ?required=${!ends} autofocus enterkeyhint=${ends ? "send" : nothing}
          placeholder=${ends ? "What was it?" : "What should the next person know?"}
          .value=${one ? draftOf(draft) : ""} @keydown=${quick} @input=${(/** @type {any} */ event) => one && keepDraft(draft, event.target.value)}></textarea>
        ${ends ? html`<span class="meta wide-only">Enter resolves, Shift+Enter begins a new line.</span>` : nothing}</div>
      <div class="actions"><button class="primary">${ends ? `Resolve${one ? "" : ` ${of.ids.length}`}` : "Add note"}</button>${cancel}</div>
    </form>`;
}

/** @param {State} _ @param {Dialog} of */
function confirm(_, of) {
  const action = /** @type {any} */ (of.action);
  const verb = VERBS[action.action];
  return html`
    <h2 id="dialog-title">${verb} ${which(of)}?</h2>
    <div class="actions">
      <button class="primary" autofocus @click=${() => { close(); actOnAll(of.ids, action); }}>${verb} ${of.ids.length}</button>${cancel}
    </div>`;
}

