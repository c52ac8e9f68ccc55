// What is known of incidents: the newest of each, their order of need, who has what.
import { state, changed } from "./state.js";

/** @typedef {import("./types.js").Incident} Incident */

/** Per incident the highest seq wins. @param {Incident} incident @returns {boolean} was it news? */
export function take(incident) {
  const known = state.incidents.get(incident.id);
  if (known && known.seq >= incident.seq) return false;
  state.incidents.set(incident.id, incident);
  state.version += 1;
  changed();
  return true;
}

/** @param {(incident: Incident) => boolean} which */
export function forget(which) {
  for (const [id, incident] of state.incidents) {
    if (which(incident)) state.incidents.delete(id);
  }
  state.version += 1;
  changed();
}

/** @param {Incident} i */
export const isOpen = (i) => i.status !== "resolved";

/** As the server orders: untold, high, low, acknowledged, snoozed; resolved last. @param {Incident} i */
export function need(i) {
  if (i.status === "resolved") return 9;
  if (i.untold) return 0;
  if (i.status === "triggered") return i.urgency === "high" ? 1 : 2;
  return i.snoozedUntil ? 4 : 3;
}

/** Oldest first inside each need, history newest first. @param {Incident} a @param {Incident} b */
export function byNeed(a, b) {
  const first = need(a);
  const second = need(b);
  if (first !== second) return first - second;
  return first === 9 ? b.id - a.id : a.id - b.id;
}

/** @param {Iterable<Incident>} incidents */
export function counts(incidents) {
  const of = { unanswered: 0, low: 0, acked: 0, snoozed: 0, untold: 0 };
  for (const incident of incidents) {
    const place = need(incident);
    if (place === 0) of.untold += 1;
    if (place <= 2) of.unanswered += 1;
    if (place === 2) of.low += 1;
    else if (place === 3) of.acked += 1;
    else if (place === 4) of.snoozed += 1;
  }
  return of;
}

let countedAt = -1;
let counted = counts([]);
/** Of all that is open, whatever the filter. */
export function allCounts() {
  if (countedAt !== state.version) {
    countedAt = state.version;
    counted = counts(state.incidents.values());
  }
  return counted;
}

/** May I act on it? @param {Incident} i */
export function mayAct(i) {
  const me = state.me;
  if (!me || me.scope === "read") return false;
  if (me.admin) return true;
  const member = me.teams.find((team) => team.id === i.team.id);
  if (member) return member.role !== "observer";
  return i.assignees.some((user) => user.id === me.user?.id);
}

/** @param {string} team a slug */
export function mayManage(team) {
  const me = state.me;
  return Boolean(me && me.scope === "admin" && (me.admin || me.teams.some((t) => t.slug === team && t.role === "admin")));
}
