// A button does what was read on it. What it does may become another thing under the finger, when
// somebody else acts: then a press does nothing but say what happened.
import { noChange } from "../vendor/lit-html/lit-html.js";
import { Directive, directive } from "../vendor/lit-html/directive.js";
import { ask, isResting, REST } from "./act.js";
import { changed, state } from "./state.js";
import { toast } from "./say.js";
import { standing } from "./words.js";

/** @typedef {import("./types.js").Incident} Incident */
/** @typedef {{i: Incident, word: string, action: any}} Meaning */

/** @param {Meaning} a @param {Meaning} b */
const same = (a, b) => a.i.id === b.i.id && JSON.stringify(a.action) === JSON.stringify(b.action);

class Does extends Directive {
  /** What one reads on it. @type {Meaning | null} */
  read = null;
  /** What it would do by now. @type {Meaning} */
  due = /** @type {any} */ (null);
  /** When it became another one by itself. */
  turned = -Infinity;
  named = "";
  /** @type {() => boolean} */
  before = () => true;

  /** @param {Incident} _i @param {string} _word @param {any} _action null: not just now
   * @param {{named?: string, before?: () => boolean}} [_more] what it is called beside its word; what may forbid a press */
  render(_i, _word, _action, _more = {}) {
    return noChange;
  }

  /** @param {any} part @param {[Incident, string, any, {named?: string, before?: () => boolean}?]} args */
  update(part, [i, word, action, { named = "", before = () => true } = {}]) {
    const button = part.element;
    if (!this.read) button.addEventListener("click", () => this.press());
    this.due = { i, word, action };
    this.named = named;
    this.before = before;
    const was = this.read;
    if (!was || was.i.id !== i.id || same(was, this.due)) this.read = this.due;
    // Never while one is on it, but by one's own press.
    else if (isResting(i.id) || !button.matches(":hover, :focus-visible")) this.turn();
    this.draw(button);
    return noChange;
  }

  turn() {
    this.read = this.due;
    this.turned = performance.now();
  }

  /** @param {HTMLButtonElement} button */
  draw(button) {
    const { i, word, action } = /** @type {Meaning} */ (this.read);
    const text = action && state.pending.get(i.id) === action.action ? "…" : word;
    if (button.textContent !== text) button.textContent = text;
    button.setAttribute("aria-label", word + this.named);
    button.setAttribute("aria-disabled", String(!action || isResting(i.id)));
  }

  press() {
    const read = /** @type {Meaning} */ (this.read);
    if (isResting(read.i.id) || !this.before()) return;
    if (!same(read, this.due) || performance.now() - this.turned < REST) {
      this.turn();
      toast(`${standing(this.due.i)} Nothing was done.`);
      return changed();
    }
    if (read.action) ask([read.i.id], read.action);
  }
}
export const does = directive(Does);
