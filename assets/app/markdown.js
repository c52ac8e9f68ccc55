// Notes in a small Markdown: paragraphs, lists, code, bold, links. Text becomes text nodes only.
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]{1,500})\)|(https?:\/\/[^\s<>"']{1,500})/g;

/** Only http and https lead anywhere. @param {string} href @param {unknown} text */
export function link(href, text) {
  let ok = false;
  try {
    ok = ["http:", "https:"].includes(new URL(href).protocol);
  } catch {
    ok = false;
  }
  return ok ? html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}</a>` : html`${text}`;
}

/** Addresses in plain text become links. @param {string} text */
export function inline(text) {
  const parts = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, bold, label, href, bare] = match;
    parts.push(text.slice(last, match.index));
    last = match.index + whole.length;
    if (code) parts.push(html`<code>${code.slice(1, -1)}</code>`);
    else if (bold) parts.push(html`<strong>${bold.slice(2, -2)}</strong>`);
    else if (href) parts.push(link(href, label));
    else {
      // A full stop after an address ends the sentence, not the address.
      const tail = /[.,;:!?)]+$/.exec(bare)?.[0] ?? "";
      const address = bare.slice(0, bare.length - tail.length);
      parts.push(link(address, address), tail);
    }
  }
  parts.push(text.slice(last));
  return parts;
}

/** @param {string | null | undefined} source */
export function markdown(source) {
  if (!source) return nothing;
  const blocks = [];
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    const fence = /^\s*```/.test(line);
    const item = /^\s*([-*]|\d{1,3}[.)])\s+/;
    if (fence) {
      const code = [];
      for (at += 1; at < lines.length && !/^\s*```/.test(lines[at]); at += 1) code.push(lines[at]);
      at += 1;
      blocks.push(html`<pre><code>${code.join("\n")}</code></pre>`);
    } else if (item.test(line)) {
      const numbered = /^\s*\d/.test(line);
      const items = [];
      for (; at < lines.length && item.test(lines[at]); at += 1) items.push(lines[at].replace(item, ""));
      const inside = items.map((text) => html`<li>${inline(text)}</li>`);
      blocks.push(numbered ? html`<ol>${inside}</ol>` : html`<ul>${inside}</ul>`);
    } else if (!line.trim()) {
      at += 1;
    } else {
      const text = [];
      for (; at < lines.length && lines[at].trim() && !item.test(lines[at]) && !/^\s*```/.test(lines[at]); at += 1) {
        if (text.length) text.push(html`<br>`);
        text.push(inline(lines[at].replace(/^#{1,6}\s+/, "")));
      }
      blocks.push(html`<p>${text}</p>`);
    }
  }
  return html`<div class="prose">${blocks}</div>`;
}
