// What must be asked before it is done: until when, to whom, into which; and the help on keys.
import { html, noChange, nothing } from "../../vendor/lit-html/lit-html.js";
import { Directive, directive } from "../../vendor/lit-html/directive.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { act, actOnAll, VERBS } from "../act.js";
import { now, until } from "../clock.js";
import { all, problem } from "../http.js";
import { byNeed, isOpen } from "../incidents.js";
import { KEYS, keysAreOn } from "../keys.js";
import { changed, draftOf, keepDraft, remember, state } from "../state.js";
import { badge, many } from "../words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Dialog} Dialog */

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
      element.addEventListener("close", () => before?.isConnected && before.focus(), { once: true });
      element.showModal();
    });
    return noChange;
  }
}
const modal = directive(Modal);

function close() {
  const open = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"));
  open?.close();
  state.dialog = null;
  changed();
}

/** @param {State} s */
export function dialog(s) {
  const of = /** @type {Dialog} */ (s.dialog);
  const inside = { snooze, reassign, note, merge, confirm, help, sure }[of.kind];
  if (!inside) return nothing;
  return html`
    <dialog class=${of.kind} aria-labelledby="dialog-title" ${modal()}
      @close=${() => { if (state.dialog === of) { state.dialog = null; changed(); } }}
      @click=${(/** @type {any} */ event) => event.target.tagName === "DIALOG" && close()}>
      ${inside(s, of)}
    </dialog>`;
}

/** @param {Dialog} of */
const which = (of) => (of.ids.length === 1 ? `#${of.ids[0]}` : many(of.ids.length, "incident"));
const cancel = html`<button type="button" @click=${close}>Cancel</button>`;

/** One at once; several were counted in the question already. @param {Dialog} of @param {any} action */
function go(of, action) {
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

/** @param {State} s @param {Dialog} of */
function reassign(s, of) {
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

/** @param {State} _ @param {Dialog} of */
function note(_, of) {
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("body")).trim();
    if (!body) return;
    if (one) keepDraft(one, "");
    go(of, { action: "addNote", body });
  };
  // The same that one may have begun on its page.
  const one = of.ids.length === 1 ? of.ids[0] : 0;
  return html`
    <h2 id="dialog-title">Note on ${which(of)}</h2>
    <form class="form" @submit=${send}>
      <label class="hidden-text" for="note-body">Note</label>
      <textarea id="note-body" name="body" maxlength="4000" required autofocus placeholder="What should the next person know?"
        .value=${one ? draftOf(one) : ""} @input=${(/** @type {any} */ event) => one && keepDraft(one, event.target.value)}></textarea>
      <div class="actions"><button class="primary">Add note</button>${cancel}</div>
    </form>`;
}

/** @param {State} s @param {Dialog} of */
function merge(s, of) {
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

/** @param {State} _ @param {Dialog} of */
function sure(_, of) {
  const run = /** @type {() => void} */ (of.run);
  return html`
    <h2 id="dialog-title">${of.title}</h2><p>${of.text}</p>
    <div class="actions"><button class="primary" autofocus @click=${() => { close(); run(); }}>${of.word}</button>${cancel}</div>`;
}

function help() {
  return html`
    <h2 id="dialog-title">Keys</h2>
    <dl class="keys-list">${KEYS.map(([keys, what]) => html`<dt>${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd>`)}</dl>
    <label class="check"><input type="checkbox" .checked=${live(keysAreOn())} @change=${(/** @type {any} */ event) => remember("keys", event.target.checked ? "on" : "off")}>
      Single keys act</label>
    <div class="actions"><button autofocus @click=${close}>Close</button></div>`;
}
