// Shifts by the clocks of their schedule's zone: what stands on which day, and who gains what.

/** @typedef {{id: number, username: string, name: string}} Person */
/** @typedef {{start: string, end: string, user: Person | null, override?: number | null, cut?: boolean}} Turn */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** `2026-11-23T09:00`, as the clocks of `zone` show it. @param {string | number} at @param {string} zone */
export function local(at, zone) {
  let format = formats.get(zone);
  // Sweden writes as machines do.
  if (!format) formats.set(zone, (format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" })));
  return format.format(new Date(at)).replace(" ", "T");
}

/** The moment at which the clocks of `zone` show `wall`. @param {string} wall @param {string} zone */
export function instant(wall, zone) {
  const wanted = Date.parse(`${wall}Z`);
  let at = wanted;
  for (let turn = 0; turn < 2; turn += 1) at += wanted - Date.parse(`${local(at, zone)}Z`);
  return new Date(at).toISOString();
}

/** Does this browser know these clocks? @param {string} zone */
export function isZone(zone) {
  try {
    return Boolean(zone && local(0, zone));
  } catch {
    return false;
  }
}

export const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** "Mon 30 Nov 09:00", by the clocks of `zone`. @param {string | number} at @param {string} zone */
export function moment(at, zone) {
  const wall = local(at, zone);
  const date = new Date(`${wall}Z`);
  return `${DAYS[(date.getUTCDay() + 6) % 7]} ${date.getUTCDate()} ${date.toLocaleString("en-GB", { month: "short", timeZone: "UTC" })} ${wall.slice(11)}`;
}

/** @param {{start: string | number, end: string | number}} span @param {string} zone */
export const span = ({ start, end }, zone) => `${moment(start, zone)} until ${moment(end, zone)}`;

const DAY = 86_400_000;
/** The date `days` later. @param {string} date @param {number} days */
export const later = (date, days) => new Date(Date.parse(date) + days * DAY).toISOString().slice(0, 10);

/** The Monday of that week. @param {string} date */
const monday = (date) => later(date, -((new Date(date).getUTCDay() + 6) % 7));

/** A moment before this week's Monday begins anywhere in `zone`. @param {number} now @param {string} zone */
export const weekBegins = (now, zone) => new Date(Date.parse(monday(local(now, zone).slice(0, 10))) - DAY).toISOString();

/** People and gaps in one row, in their order; who goes on has one turn.
 * @param {{items: any[], gaps: any[]}} shifts @returns {Turn[]} */
export function turns({ items, gaps }) {
  const all = [...items, ...gaps.map((gap) => ({ ...gap, user: null }))].sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
  /** @type {Turn[]} */
  const found = [];
  for (const one of all) {
    const before = found.findLast((other) => other.user?.id === one.user?.id && other.end === one.start && other.override === one.override);
    if (before) before.end = one.end;
    else found.push({ ...one });
  }
  return found;
}

/** `count` weeks from this one, each of seven days with what stands on them.
 * @param {Turn[]} all @param {string} zone @param {number} now @param {number} count */
export function weeks(all, zone, now, count) {
  const today = local(now, zone).slice(0, 10);
  const first = monday(today);
  const known = all.map((turn) => ({ turn, start: local(turn.start, zone), end: local(turn.end, zone) }));
  return Array.from({ length: count }, (_, week) => Array.from({ length: 7 }, (_, day) => {
    const date = later(first, week * 7 + day);
    const next = later(date, 1);
    const parts = known.filter(({ start, end }) => start < `${next}T00:00` && end > `${date}T00:00`).map(({ turn, start, end }) => ({
      turn, from: start > `${date}T00:00` ? start.slice(11) : "", to: end < `${next}T00:00` ? end.slice(11) : "",
    }));
    return { date, today: date === today, past: date < today, parts };
  }));
}

/** @typedef {{start: number, end: number}} Span */

/** @param {Span[]} spans @param {Span[]} cuts */
function minus(spans, cuts) {
  return cuts.reduce((left, cut) => left.flatMap(({ start, end }) => [
    { start, end: Math.min(end, cut.start) }, { start: Math.max(start, cut.end), end },
  ].filter((one) => one.start < one.end)), spans);
}

/** Who gains and who loses what if `user` stood in from `start` until `end`, for one or for all.
 * @param {any[]} shifts @param {{user: Person, replacing: string, start: string, end: string}} wanted */
export function difference(shifts, { user, replacing, start, end }) {
  const span = { start: Date.parse(start), end: Date.parse(end) };
  const within = shifts.map((shift) => ({ user: shift.user, start: Math.max(span.start, Date.parse(shift.start)), end: Math.min(span.end, Date.parse(shift.end)) }))
    .filter((one) => one.start < one.end);
  const own = within.filter((one) => one.user.id === user.id);
  const lost = within.filter((one) => one.user.id !== user.id && (!replacing || one.user.username === replacing));
  const gained = minus(replacing ? lost : [span], own);
  return [...gained.map((one) => ({ ...one, user, gains: true })), ...lost.map((one) => ({ ...one, gains: false }))];
}
