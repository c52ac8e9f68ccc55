// Pieces that the pages of configuration share: loading, forms, what is shown once, questions.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { until } from "../clock.js";
import { problem } from "../http.js";
import { changed, setPage, state } from "../state.js";
import { toast } from "../say.js";
import { cancel, close } from "./dialogs.js";
import { bars, broken, coded } from "./shell.js";

/**
 * What a page shows: fetched once while one stays, again by `reload`, and after `every` milliseconds.
 * @param {string} key
 * @param {() => Promise<any>} fetch
 * @param {(data: any) => unknown} view
 */
export function loaded(key, fetch, view, every = Infinity) {
  const known = state.page[key];
  if (!known) {
    // Not while drawing.
    state.page[key] = { waits: true };
    queueMicrotask(() => reload(key, fetch));
    return bars(3);
  }
  if (known.at + every < Date.now()) {
    known.at = Date.now();
    queueMicrotask(() => reload(key, fetch));
  }
  if (known.error) return broken(known.error, () => reload(key, fetch));
  return known.data === undefined ? bars(3) : view(known.data);
}

/** @param {string} key @param {() => Promise<any>} fetch */
export async function reload(key, fetch) {
  const page = state.route.name + state.route.id;
  try {
    const data = await fetch();
    if (page === state.route.name + state.route.id) setPage(key, { data, at: Date.now() });
  } catch (error) {
    // What was there is shown on: it is not worse than nothing.
    const { data } = state.page[key] ?? {};
    if (page === state.route.name + state.route.id) setPage(key, data === undefined ? { error: problem(error) } : { data, at: Date.now() });
  }
}

/** The form's values as an object; empty ones are left out. @param {Event} event */
export function values(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  /** @type {Record<string, string>} */
  const found = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim() !== "") found[name] = value.trim();
  }
  return found;
}

/** Sends a form: busy meanwhile, what is refused stands beside it.
 * @param {string} key @param {(values: Record<string, string>, form: HTMLFormElement) => Promise<any>} what */
export const submit = (key, what) => async (/** @type {Event} */ event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (state.page[key]?.busy) return;
  setPage(key, { ...state.page[key], busy: true, error: null });
  try {
    await what(values(event), form);
    setPage(key, { ...state.page[key], busy: false, error: null });
  } catch (error) {
    const wrong = problem(error);
    // Said once: what stands beside its field need not stand below the form.
    const beside = wrong.errors.length > 0 && wrong.errors.every((one) => form.elements.namedItem(one.field) instanceof HTMLInputElement);
    setPage(key, { ...state.page[key], busy: false, error: wrong, beside });
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid]"))?.focus());
  }
};

/** The button keeps the focus while it is busy. @param {string} key @param {string} word @param {string} [of] what it belongs to, where there are several */
export function send(key, word, of = "") {
  const { busy, error, beside } = state.page[key] ?? {};
  return html`${error && !beside ? html`<p class="wrong" role="alert">${coded(error.words)}</p>` : nothing}
    <div class="actions"><button class="primary" aria-label=${of ? `${word} ${of}` : nothing} aria-disabled=${busy ? "true" : nothing}>${busy ? "…" : word}</button></div>`;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {{type?: string, value?: string, hint?: string, required?: boolean, key?: string, complete?: string, placeholder?: string, min?: number, list?: string}} [more]
 */
export function field(name, label, { type = "text", value = "", hint = "", required = false, key = "", complete = "off", placeholder = "", min = 0, list = "" } = {}) {
  const wrong = key ? state.page[key]?.error?.of(name) : "";
  const id = `${key || "field"}-${name}`;
  return html`
    <div class="field"><label for=${id}>${label}</label>
      <input id=${id} name=${name} type=${type} value=${value} autocomplete=${complete} placeholder=${placeholder} ?required=${required}
        minlength=${min || nothing} maxlength="1000" list=${list || nothing} autocapitalize="none" spellcheck="false"
        aria-invalid=${wrong ? "true" : nothing} aria-describedby=${hint || wrong ? `${id}-hint` : nothing}>
      ${wrong ? html`<span class="wrong" id="${id}-hint">${label} ${coded(wrong)}</span>` : hint ? html`<span class="meta" id="${id}-hint">${hint}</span>` : nothing}
    </div>`;
}

/** @param {string} name @param {string} label @param {[string, string][]} choices @param {string} [value] @param {string} [hint] */
export const choice = (name, label, choices, value = "", hint = "") => html`
  <div class="field"><label for="choice-${name}">${label}</label>
    <select id="choice-${name}" name=${name}>${choices.map(([key, word]) => html`<option value=${key} ?selected=${key === value}>${word}</option>`)}</select>
    ${hint ? html`<span class="meta">${hint}</span>` : nothing}</div>`;

/** Text that one takes along. @param {string} text @param {string} [name] */
export const copyable = (text, name = "Copy") => html`
  <div class="copy"><pre class="wrap" tabindex="0">${text}</pre><button type="button" aria-label=${name === "Copy" ? "Copy" : `Copy ${name}`} @click=${() => copy(text)}>Copy</button></div>`;

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("This browser lets pages copy over https only. Select the text and copy it by hand.", { wrong: true });
  }
}

/** The question of `sure`. @param {import("../types.js").State} _ @param {import("../types.js").Dialog} of */
export function ask(_, of) {
  const run = /** @type {() => void} */ (of.run);
  return html`
    <h2 id="dialog-title">${of.title}</h2><p>${of.text}</p>
    <div class="actions"><button class="primary" autofocus @click=${() => { close(); run(); }}>${of.word}</button>${cancel}</div>`;
}

/** Asks before what cannot be undone. @param {string} title @param {string} text @param {string} word @param {() => Promise<any>} run */
export function sure(title, text, word, run) {
  state.dialog = { kind: "sure", ids: [], title, text, word, run: async () => {
    try {
      await run();
    } catch (error) {
      toast(problem(error).words, { wrong: true });
    }
  } };
  changed();
}

/** The server's words, with moments as people write them. @param {string} text */
export const dated = (text) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => until(at));

/** @param {string} title @param {unknown} [aside] */
export const head = (title, aside = nothing) => html`<div class="page-head"><h1>${title}</h1>${aside}</div>`;

/** @param {string} title @param {unknown} text @param {unknown} [next] */
export const nothingYet = (title, text, next = nothing) => html`
  <div class="empty card"><h2>${title}</h2><p class="muted">${text}</p>${next}</div>`;

/** A form that opens in place. @param {string} key @param {string} word @param {unknown} form */
export function opened(key, word, form) {
  const is = state.page[key]?.open;
  return html`
    ${is ? html`<div class="card panel"><h2>${word}</h2>${form}</div>` : nothing}`;
}

/** @param {string} key @param {string} word @param {object} [more] what the form begins with @param {string} [of] what it belongs to, where there are several */
export function opener(key, word, more = {}, of = "") {
  const is = Boolean(state.page[key]?.open);
  return html`<button aria-expanded=${is ? "true" : "false"} aria-label=${of || is ? `${is ? "Close: " : ""}${word} ${of}`.trim() : nothing} @click=${() => setPage(key, { open: !is, ...more })}>${is ? "Close" : word}</button>`;
}
