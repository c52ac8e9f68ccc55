// The window onto a long list: which rows are near the screen, and where each stands.
import { noChange } from "../vendor/lit-html/lit-html.js";
import { Directive, directive } from "../vendor/lit-html/directive.js";
import { changed } from "./state.js";

const WIDE = matchMedia("(min-width: 768px)");
const OVER = 6;
/** @type {HTMLElement | null} */
let box = null;
let last = "";

export const rowHeight = () => (WIDE.matches ? 56 : 88);
export const isWide = () => WIDE.matches;

/** First and last row to draw of `count`. @param {number} count */
export function visible(count) {
  const height = rowHeight();
  const top = box?.isConnected ? box.getBoundingClientRect().top : 240;
  const first = Math.max(0, Math.floor(-top / height) - OVER);
  const end = Math.min(count, Math.ceil((innerHeight - top) / height) + OVER);
  return { first: Math.min(first, Math.max(0, count - 1)), end: Math.max(end, Math.min(count, first + 1)) };
}

/** Scrolls until row `index` is in full sight, and gives it the focus. True if it was out of sight.
 * @param {number} index @param {boolean} focus */
export function reveal(index, focus) {
  if (!box) return false;
  const height = rowHeight();
  const top = box.getBoundingClientRect().top + index * height;
  const upper = 64;
  const lower = innerHeight - (isWide() ? 8 : 64);
  const out = top < upper ? top - upper : top + height > lower ? top + height - lower : 0;
  if (out) scrollBy(0, out);
  if (focus) {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      /** @type {HTMLElement | null} */ (box?.querySelector(`[data-index="${index}"]`))?.focus({ preventScroll: true });
    }));
  }
  return Math.abs(out) >= height;
}

/** The box that holds the rows: as high as all of them. */
class Box extends Directive {
  /** @param {number} count */
  render(count) {
    return count;
  }
  /** @param {any} part @param {[number]} args */
  update(part, [count]) {
    box = part.element;
    const height = `${count * rowHeight()}px`;
    if (part.element.style.height !== height) part.element.style.height = height;
    return noChange;
  }
}
export const boxOf = directive(Box);

/** Where a row stands. */
class Place extends Directive {
  at = -1;
  /** @param {number} y */
  render(y) {
    return y;
  }
  /** @param {any} part @param {[number]} args */
  update(part, [y]) {
    if (this.at !== y) part.element.style.transform = `translateY(${y}px)`;
    this.at = y;
    return noChange;
  }
}
export const place = directive(Place);

function moved() {
  if (!box?.isConnected) return;
  const top = box.getBoundingClientRect().top;
  const seen = `${Math.floor(-top / rowHeight() / 3)} ${innerHeight}`;
  if (seen !== last) {
    last = seen;
    changed();
  }
}
addEventListener("scroll", moved, { passive: true });
addEventListener("resize", changed);
