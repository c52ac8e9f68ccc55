// Days of the week and hours of the day: boxes to tick, and how they read.
import { html } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";

/** As the server calls them, and people. @type {[string, string][]} */
export const WEEK = [["mon", "Mon"], ["tue", "Tue"], ["wed", "Wed"], ["thu", "Thu"], ["fri", "Fri"], ["sat", "Sat"], ["sun", "Sun"]];

/** @typedef {{days: string[], from: string, to: string}} Window */

/** @param {string} label @param {string[]} chosen @param {(days: string[]) => void} set */
export const days = (label, chosen, set) => html`
  <fieldset class="days"><legend>${label}</legend>${WEEK.map(([day, word]) => html`
    <label><input type="checkbox" .checked=${live(chosen.includes(day))}
      @change=${(/** @type {any} */ event) => set(WEEK.map(([one]) => one).filter((one) => (one === day ? event.target.checked : chosen.includes(one))))}>${word}</label>`)}</fieldset>`;

/** "every day", "Mon to Fri", "Sat and Sun". @param {string[]} chosen */
export function onDays(chosen) {
  const at = WEEK.flatMap(([day], place) => (chosen.includes(day) ? [place] : []));
  const words = at.map((place) => WEEK[place][1]);
  if (at.length === 7) return "every day";
  if (at.length > 2 && at[at.length - 1] - at[0] === at.length - 1) return `${words[0]} to ${words[words.length - 1]}`;
  return words.join(", ").replace(/, (\w+)$/, " and $1");
}

/** Minutes from one time of day to the next other one: what ends at or before its begin ends a day later.
 * @param {string} from @param {string} to */
export function minutes(from, to) {
  const of = (/** @type {string} */ time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
  const length = of(to) - of(from);
  return length > 0 ? length : length + 24 * 60;
}

/** "Mon to Fri, 09:00 until 17:00". @param {Window} window */
export function inWords({ days, from, to }) {
  const whole = from === "00:00" && (to === "00:00" || to === "24:00");
  const end = to === "00:00" || to === "24:00" ? "midnight" : to <= from ? `${to} on the next day` : to;
  return `${onDays(days) || "on no day yet"}, ${whole ? "all day" : `${from} until ${end}`}`;
}
