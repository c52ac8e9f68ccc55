// What things are called: badges, who has it or is next, what happened.
import { age, left, now, until } from "./clock.js";
import { need } from "./incidents.js";
import { state } from "./state.js";

/** @typedef {import("./types.js").Incident} Incident */

/** Word and colour of the badge; the word carries the meaning. @param {Incident} i */
export function badge(i) {
  switch (need(i)) {
    case 0: return { word: "Untold", kind: "fire" };
    case 1: return { word: "High", kind: "fire" };
    case 2: return { word: "Low", kind: "" };
    case 3: return { word: "Acked", kind: "ack" };
    case 4: return { word: "Snoozed", kind: "ack" };
    default: return { word: i.mergedInto ? "Merged" : "Resolved", kind: "quiet" };
  }
}

/** @param {{username: string, name: string}} user */
export const named = (user) => user.name || user.username;
/** @param {{username: string, name: string}[]} users */
const names = (users) => users.map(named).join(", ");

/** Who did something, as one says it. @param {{kind: string, name: string} | null | undefined} actor */
export const by = (actor) => (actor?.kind === "user" ? state.people.get(actor.name) : "") || actor?.name || "";

/** The column "who, next": who has it or was told, who is next, and the time. @param {Incident} i @returns {[string, string, string]} */
export function who(i) {
  if (i.status === "resolved") {
    if (i.mergedInto) return [`into #${i.mergedInto}`, "", ""];
    return [i.resolvedBy ? `by ${by(i.resolvedBy)}` : "", "", ""];
  }
  const has = names(i.assignees);
  if (i.status === "acknowledged") {
    const end = i.snoozedUntil ?? i.acknowledgedUntil;
    return [has || by(i.acknowledgedBy), "", end ? `until ${until(end)}` : ""];
  }
  if (i.untold) return ["nobody was told", "", ""];
  if (i.silencedUntil) return ["silenced", "", `until ${until(i.silencedUntil)}`];
  const [told] = i.escalation.told;
  const { nextAt, nextTargets } = i.escalation;
  const first = told ? TOLD[told.outcome]?.(someone(i, told.user)) ?? "" : has && `for ${has}`;
  if (!nextAt || !nextTargets.length) return [first, "", ""];
  // Room is short there; the page of the incident has more names.
  const more = nextTargets.length > 1 ? ` +${nextTargets.length - 1}` : "";
  return [first && `${first},`, someone(i, nextTargets[0]) + more, `in ${left(nextAt)}`];
}

/** What became of the last message. @type {Record<string, (name: string) => string>} */
const TOLD = { sent: (name) => `${name} told`, queued: (name) => `telling ${name}`, failed: (name) => `${name} not reached` };

/** A username as one says it; of a team's channel its slug. @param {Incident} i @param {string} name */
function someone(i, name) {
  const user = i.assignees.find((one) => one.username === name);
  return user ? named(user) : state.people.get(name) ?? name.replace(/^channel:/, "");
}

/** @param {Incident} i @param {string[]} targets */
const few = (i, targets) => targets.slice(0, 2).map((name) => someone(i, name)).join(", ") + (targets.length > 2 ? ` and ${targets.length - 2} more` : "");

/** Where paging stands, in sentences. @param {Incident} i */
function paging(i) {
  if (i.untold) return ` Nobody could be told.${i.escalation.nextAt ? ` Tried again in ${left(i.escalation.nextAt)}.` : ""}`;
  if (i.silencedUntil) return ` Silenced until ${until(i.silencedUntil)}: nobody is paged.`;
  const { told, nextAt, nextTargets, state } = i.escalation;
  const latest = told.filter((one, at) => told.findIndex((other) => other.user === one.user && other.channel === one.channel) === at);
  const last = latest.slice(0, 3).map((one) => {
    const way = ` by ${one.channel} ${until(one.at)}`;
    return { sent: `${someone(i, one.user)} told${way}.`, queued: `Telling ${someone(i, one.user)}${way}.`, failed: `${someone(i, one.user)} not reached${way}.` }[one.outcome];
  }).filter(Boolean);
  if (!last.length && i.assignees.length) last.push(`Assigned to ${names(i.assignees)}.`);
  const next = nextAt && nextTargets.length ? `Next: ${few(i, nextTargets)} in ${left(nextAt)}.` : nextAt ? `Next step in ${left(nextAt)}.` : "";
  const end = state === "exhausted" ? "Everybody was told, nobody answered." : "";
  return ["", ...last, end, next].filter((part, at) => part || !at).join(" ");
}

/** The sentence under an incident's title. @param {Incident} i */
export function verdict(i) {
  if (i.mergedInto) return `Merged into #${i.mergedInto}.`;
  if (i.status === "resolved") {
    const why = { manual: "", source: " Its source says that it is over.", expired: " It is no longer reported." };
    const did = i.resolvedBy?.kind === "user" ? ` by ${by(i.resolvedBy)}` : "";
    const held = i.heldUntil && Date.parse(i.heldUntil) > now() ? ` Alerts that still fire stay quiet until ${until(i.heldUntil)}.` : "";
    return `Resolved ${age(i.resolvedAt)} ago${did}.${why[/** @type {"manual"} */ (i.resolvedReason)] ?? ""}${held}`;
  }
  const has = names(i.assignees) || by(i.acknowledgedBy);
  if (i.snoozedUntil) return `Snoozed until ${until(i.snoozedUntil)}${has ? ` by ${has}` : ""}.`;
  if (i.status === "acknowledged") {
    const end = i.acknowledgedUntil ? ` It is asked about again at ${until(i.acknowledgedUntil)}.` : "";
    return `${has || "Somebody"} has it, since ${age(i.acknowledgedAt)}.${end}`;
  }
  return `Unanswered ${age(i.createdAt)}.${paging(i)}`;
}

/** What became of it, to who was about to act. @param {Incident} i */
export function standing(i) {
  if (i.mergedInto) return `#${i.id} was merged into #${i.mergedInto}.`;
  if (i.status === "resolved") return `${by(i.resolvedBy) || "Somebody"} has resolved #${i.id}.`;
  if (i.status === "acknowledged") return `${i.assignees.length ? names(i.assignees) : by(i.acknowledgedBy) || "Somebody"} has acknowledged #${i.id}.`;
  return `#${i.id} is unanswered, its urgency ${i.urgency}.`;
}

/** Who is on call now, and who is next. Of several schedules each has its name.
 * @param {any[]} people one entry a person or gap, as `/overview` has them */
export function onCallNow(people) {
  const schedules = [...new Set(people.map((one) => one.schedule.slug))];
  return schedules.map((slug) => {
    const some = people.filter((one) => one.schedule.slug === slug);
    const there = some.filter((one) => one.user).map((one) => named(one.user)).join(" and ") || "nobody";
    if (schedules.length > 1) return `${there} (${slug})`;
    const end = some.map((one) => one.until).filter(Boolean).sort()[0];
    const next = names(some.find((one) => one.until === end)?.next ?? []);
    return end ? `${there} until ${until(end)}, then ${next || "nobody"}` : there;
  }).join(", ");
}

/** @type {Record<string, string>} */
const UPDATES = {
  unacknowledged: "gave it back", ack_timeout: "the acknowledgement timed out", reopened: "reopened it",
  still_firing: "it still fires", snoozed: "snoozed it", snooze_ended: "the snooze ended",
  silenced: "a silence began", unsilenced: "the silence ended", urgency: "changed the urgency", severity: "the severity changed",
  alert_added: "another alert", alert_resolved: "an alert is over", stale: "not reported for long; is it still so?",
  merged: "another incident was merged into it", flapping: "it comes and goes", delivery_failed: "could not reach", delivered: "reached somebody after all",
  hold_ended: "it is kept quiet no longer",
  clock_set: "the server's clock was set",
};

/**
 * What happened, after the name of who did it.
 * @param {any} event
 * @returns {{text: string, note: string}}
 */
export function happened(event) {
  const plain = (/** @type {string} */ text, note = "") => ({ text, note: note ?? "" });
  switch (event.type) {
    case "incident:created": return plain("opened it");
    case "incident:acknowledged":
      return plain(event.until ? `acknowledged it until ${until(event.until)}` : "acknowledged it", event.note);
    case "incident:resolved": {
      if (event.mergedInto) return plain(`merged it into #${event.mergedInto}`);
      const what = event.reason === "source" ? "says that it is over" : event.reason === "expired" ? "no longer reported" : "resolved it";
      return plain(what, event.note);
    }
    case "incident:reassigned": return plain(`handed it to ${names(event.to)}`, event.reason);
    case "incident:note_added": return plain("noted", event.note.body);
    case "incident:escalated": {
      const told = (event.notified ?? []).map((/** @type {string} */ name) => someone(event.incident, name)).join(", ");
      const step = event.lastResort ? ", as the last resort" : event.step ? ` at step ${event.step}${event.round > 1 ? ` of round ${event.round}` : ""}` : "";
      return plain(`${told ? `tells ${told}` : "found nobody to tell"}${step}`, (event.skipped ?? []).join("; "));
    }
    case "incident:updated": {
      const about = event.alert ? `: ${event.alert.title}` : event.merged ? `: #${event.merged}` : event.failure ? ` ${event.failure}` : "";
      const to = event.urgency && event.reason === "urgency" ? ` to ${event.urgency}` : "";
      const end = event.until ? ` until ${until(event.until)}` : "";
      return plain(`${UPDATES[event.reason] ?? "changed it"}${to}${end}${about}`);
    }
    default: return plain("did something that this page does not know yet");
  }
}

/** Who did it, with a blank behind; what came by itself, nobody did. @param {any} event */
export const doer = (event) => (event.actor.kind === "system" && /updated|escalated/.test(event.type) ? "" : `${by(event.actor)} `);

/** A sentence for those who listen. @param {any} event */
export function announcement(event) {
  const i = event.incident;
  if (event.type === "incident:created") return `New, ${i.urgency} urgency: ${i.title}, #${i.id}.`;
  return `#${i.id}: ${doer(event)}${happened(event).text}.`;
}

/** @param {number} n @param {string} one */
export const many = (n, one, more = `${one}s`) => `${n} ${n === 1 ? one : more}`;
