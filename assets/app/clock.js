// The server's clock: ages and moments are told by it, whatever this device believes.

let serverAt = Date.now();
let seenAt = performance.now();

/** @param {string} now the server's time, as it said a moment ago */
export function setNow(now) {
  const at = Date.parse(now);
  if (Number.isNaN(at)) return;
  serverAt = at;
  seenAt = performance.now();
}

/** @returns {number} the server's time, in milliseconds */
export function now() {
  return serverAt + (performance.now() - seenAt);
}

/** Short, for a column: 45s, 14m, 3h, 2d. @param {string | null | undefined} since */
export function age(since) {
  if (!since) return "";
  return short(now() - Date.parse(since));
}

/** @param {number} ms */
export function short(ms) {
  const secs = Math.max(0, Math.floor(ms / 1000));
  if (secs < 60) return `${secs}s`;
  if (secs < 3600) return `${Math.floor(secs / 60)}m`;
  if (secs < 86400) return `${Math.floor(secs / 3600)}h ${Math.floor((secs % 3600) / 60)}m`;
  return `${Math.floor(secs / 86400)}d ${Math.floor((secs % 86400) / 3600)}h`;
}

/** Until something happens: 1:12, 2h 5m. @param {string} at */
export function left(at) {
  const ms = Date.parse(at) - now();
  if (ms >= 3_600_000) return short(ms);
  const secs = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(secs / 60)}:${String(secs % 60).padStart(2, "0")}`;
}

/** In a sentence: "12 s ago". @param {string | null | undefined} at */
export function ago(at) {
  if (!at) return "never";
  const secs = Math.floor((now() - Date.parse(at)) / 1000);
  if (secs < 2) return "just now";
  if (secs < 60) return `${secs} s ago`;
  if (secs < 3600) return `${Math.floor(secs / 60)} min ago`;
  if (secs < 86400) return `${Math.floor(secs / 3600)} h ago`;
  const days = Math.floor(secs / 86400);
  return days === 1 ? "a day ago" : `${days} days ago`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const fullFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

/** 03:14:07. @param {string | number} at */
export const clockTime = (at) => clockFormat.format(new Date(at));
/** @param {string | number} at */
export const day = (at) => dayFormat.format(new Date(at));
const weekdayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
/** @param {string | number} at */
const weekday = (at) => weekdayFormat.format(new Date(at));
/** @param {string | number} at */
export const full = (at) => fullFormat.format(new Date(at));

/** "05:00" if that is less than a day ahead or ago, "Mon 09:00" if less than six, else "Thu 5 Mar 05:00". @param {string | null | undefined} at */
export function until(at) {
  if (!at) return "";
  const ahead = Date.parse(at) - now();
  const time = minuteFormat.format(new Date(at));
  if (Math.abs(ahead) < 86_400_000) return time;
  return `${ahead > 0 && ahead < 6 * 86_400_000 ? weekday(at) : day(at)} ${time}`;
}
