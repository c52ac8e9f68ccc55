// Acting on incidents: at once, undone by `u`; a resolve asks for a note first, and whatever is done
// to more than one asks with the count.
import { call, problem, requestKey } from "./http.js";
import { mayAct, take } from "./incidents.js";
import { hold } from "./order.js";
import { changed, drawNow, state } from "./state.js";
import { dismiss, toast } from "./say.js";
import { by, many } from "./words.js";

/** @typedef {import("./types.js").Incident} Incident */
/** What takes one incident back, if it still is as it was left. @typedef {{id: number, actions: any[], left: string}[]} Steps */

/** After an action the button in its place is another one: a press that was meant for the one before
 * does nothing. */
export const REST = 2_000;
/** Incidents acted on here, and until when their buttons rest. @type {Map<number, number>} */
const resting = new Map();

/** @param {number} id */
export const isResting = (id) => state.pending.has(id) || (resting.get(id) ?? 0) > performance.now();

/** @param {number[]} ids */
function rest(ids) {
  for (const id of ids) {
    state.pending.delete(id);
    resting.set(id, performance.now() + REST);
  }
  changed();
  setTimeout(changed, REST);
}

const BULK = 500;
/** Things done that are remembered. */
const MOST = 50;
/** What was done here, the last at the end; without steps nothing takes it back: a note, a merge.
 * @typedef {{steps: Steps, words: string, toast: number}} Done */
/** @type {Done[]} */
const done = [];

/** @type {Record<string, string>} */
export const VERBS = {
  acknowledge: "Acknowledge", resolve: "Resolve", unacknowledge: "Give back", reopen: "Reopen", snooze: "Snooze",
  reassign: "Reassign", urgency: "Change the urgency of", merge: "Merge", addNote: "Add a note to", escalate: "Escalate",
};

/** @type {Record<string, string>} */
const DONE = {
  acknowledge: "Acknowledged", resolve: "Resolved", unacknowledge: "Given back", reopen: "Reopened", snooze: "Snoozed",
  reassign: "Handed over", urgency: "Changed the urgency of", merge: "Merged", addNote: "Added the note to", escalate: "Escalated",
};

/** What gives it back to who had it: to me as it was; another is asked again, nobody answers for others.
 * @param {Incident} before @returns {any[]} */
function had(before) {
  if (before.status === "acknowledged" && before.acknowledgedBy?.id === state.me?.user?.id) {
    if (before.snoozedUntil) return [{ action: "snooze", until: before.snoozedUntil }];
    return [{ action: "acknowledge", ...(before.acknowledgedUntil ? { until: before.acknowledgedUntil } : {}) }];
  }
  const [one, ...more] = before.assignees;
  return one && !more.length ? [{ action: "reassign", to: one.username }] : [];
}

/** @param {Incident | undefined} i */
const standing = (i) => `${i?.status} ${i?.acknowledgedBy?.id} ${i?.assignees.map((user) => user.id)}`;

/** What would bring `before` back after `action`. @param {Incident} before @param {any} action @returns {any[]} */
function inverse(before, action) {
  const acked = before.status === "acknowledged";
  switch (action.action) {
    case "acknowledge":
    case "snooze":
      return acked ? had(before) : [{ action: "unacknowledge" }];
    case "resolve":
      return [{ action: "reopen" }, ...(acked ? had(before) : [])];
    case "unacknowledge":
    case "reassign":
      return had(before);
    case "reopen":
      return [{ action: "resolve", ...(before.resolutionNote ? { note: before.resolutionNote } : {}) }];
    case "urgency":
      return [{ action: "urgency", to: before.urgency }];
    default:
      return [];
  }
}

/** @param {number} id @param {any} action @param {{key?: string, quiet?: boolean}} [more] */
export async function act(id, action, { key = requestKey(), quiet = false } = {}) {
  const before = state.incidents.get(id);
  hold();
  state.pending.set(id, action.action);
  changed();
  try {
    const answer = await call("POST", `/incidents/${id}/actions`, { body: action, key });
    take(answer.incident);
    unselect(id);
    if (quiet) return true;
    // What was so already takes nothing from what can be undone.
    if (answer.changed) tell(answer.message, before ? wayBack(before, answer.incident, action) : []);
    else toast(answer.message);
    return true;
  } catch (error) {
    const wrong = problem(error);
    if (isAway(wrong)) offerAgain(`${id}`, wrong.status ? wrong.words : "", () => act(id, action, { key }));
    else if (wrong.status !== 401) toast(wrong.words, { wrong: true });
    return false;
  } finally {
    rest([id]);
  }
}

/** It was answered for. @param {number} id */
function unselect(id) {
  const { selected } = state.list;
  if (selected.delete(id) && !selected.size) state.list.picking = false;
}

/** Nothing was heard of it, or the server cannot just now. @param {import("./http.js").Problem} wrong */
const isAway = (wrong) => wrong.status === 0 || wrong.status === 503;

/** @param {string} what @param {string} why @param {() => void} run */
const offerAgain = (what, why, run) => toast(why || `No answer for ${what}. Trying again is safe.`, { wrong: true, label: "Try again", run });

/** @param {Incident} before @param {Incident} after @param {any} action @returns {Steps} */
function wayBack(before, after, action) {
  const actions = inverse(before, action);
  return actions.length ? [{ id: before.id, actions, left: standing(after) }] : [];
}

/** @param {string} words @param {Steps} steps */
function tell(words, steps) {
  /** @type {Done} */
  const one = { steps, words, toast: 0 };
  toast(words, steps.length ? { label: "Undo", run: () => takeBack(one) } : {});
  one.toast = state.toasts.at(-1)?.id ?? 0;
  done.push(one);
  if (done.length > MOST) done.shift();
}

/** Takes the last thing back. */
export function undo() {
  const last = done.at(-1);
  if (!last) return toast("Nothing to undo.");
  if (last.steps.length) return takeBack(last);
  done.pop();
  toast(`What you did last cannot be taken back: ${last.words}${done.length ? " u again: what came before it." : ""}`);
}

/** @param {Done} one */
async function takeBack(one) {
  const at = done.indexOf(one);
  if (at < 0) return;
  done.splice(at, 1);
  dismiss(one.toast);
  const late = one.steps.filter(({ id, left }) => standing(state.incidents.get(id)) !== left);
  if (late.length) toast(`Changed since, and left as it is: ${late.map(({ id }) => `#${id}`).join(", ")}.`, { wrong: true });
  const good = one.steps.filter((step) => !late.includes(step));
  let undone = good.length > 0;
  for (const { id, actions } of good) {
    for (const action of actions) undone = undone && await act(id, action, { quiet: true });
  }
  if (!undone) return;
  const asked = [...new Set(good.flatMap(({ actions }) => actions.filter((action) => action.action === "reassign").map((action) => by({ kind: "user", name: action.to }))))];
  // What was said of what would follow does not, now.
  const [words] = one.words.split(/(?<=\.) /);
  toast((good.length > 1 ? "Undone." : `Undone: ${words}`) + (asked.length ? ` ${asked.join(", ")} must acknowledge again.` : ""));
}

/** Acts on one at once, on several after asking; what ends an incident may say why. @param {number[]} ids @param {any} action */
export function ask(ids, action) {
  const may = ids.filter((id) => {
    const incident = state.incidents.get(id);
    return !incident || mayAct(incident);
  });
  if (!may.length) return toast("You may look at this, not act on it: you are an observer here.", { wrong: true });
  const ends = action.action === "resolve";
  if (may.length === 1 && !ends) return void act(may[0], action);
  state.dialog = { kind: ends ? "resolve" : "confirm", ids: may, action };
  // At once: the next key is the note's already.
  drawNow();
}

/** @param {number[]} ids @param {any} action */
export function actOnAll(ids, action) {
  const parts = [];
  for (let at = 0; at < ids.length; at += BULK) parts.push({ ids: ids.slice(at, at + BULK), key: requestKey() });
  return actOnParts(parts, action);
}

/** Each part counts once, however often it is sent. @param {{ids: number[], key: string}[]} parts @param {any} action */
async function actOnParts(parts, action) {
  const before = new Map(parts.flatMap(({ ids }) => ids.map((id) => [id, state.incidents.get(id)])));
  hold();
  for (const id of before.keys()) state.pending.set(id, action.action);
  changed();
  /** @type {Steps} */
  const back = [];
  /** @type {Map<string, number>} */
  const failed = new Map();
  /** @type {typeof parts} */
  const unanswered = [];
  let why = "";
  let acted = 0;
  let changes = 0;
  for (const part of parts) {
    try {
      const answer = await call("POST", "/incidents/actions", { body: { ids: part.ids, ...action }, key: part.key, patience: 60_000 });
      for (const result of answer.results) {
        unselect(result.id);
        if (result.error) {
          failed.set(result.error.detail, (failed.get(result.error.detail) ?? 0) + 1);
          continue;
        }
        take(result.incident);
        acted += 1;
        changes += result.changed ? 1 : 0;
        const was = before.get(result.id);
        if (result.changed && was) back.push(...wayBack(was, result.incident, action));
      }
    } catch (error) {
      const wrong = problem(error);
      if (isAway(wrong)) {
        unanswered.push(part);
        why = wrong.status ? wrong.words : "";
      } else if (wrong.status !== 401) failed.set(wrong.words, (failed.get(wrong.words) ?? 0) + part.ids.length);
    }
    rest(part.ids);
  }
  const words = `${DONE[action.action]} ${many(acted, "incident")}${action.into ? ` into #${action.into}` : ""}.`;
  if (changes) tell(words, back.length <= BULK ? back : []);
  else if (acted) toast(`${words} All were so already.`);
  for (const [why, number] of failed) toast(`${many(number, "incident")}: ${why}`, { wrong: true });
  // They stay selected.
  if (unanswered.length) offerAgain(many(unanswered.flatMap(({ ids }) => ids).length, "incident"), why, () => actOnParts(unanswered, action));
}
