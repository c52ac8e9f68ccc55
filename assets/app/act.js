// Acting on incidents: at once, undone by `u`; more than one asks first, with the count.
import { call, problem, requestKey } from "./http.js";
import { justTurned, mayAct, take } from "./incidents.js";
import { hold } from "./order.js";
import { changed, state } from "./state.js";
import { dismiss, toast } from "./say.js";
import { many } from "./words.js";

/** @typedef {import("./types.js").Incident} Incident */
/** @typedef {{id: number, action: any}[]} Steps */

/** After an action the button in its place is another one: a second press that was meant for the
 * first does nothing. */
const REST = 1_200;
/** @type {Set<number>} */
const resting = new Set();

/** @param {number} id */
export const isResting = (id) => state.pending.has(id) || resting.has(id) || justTurned(id);

/** What a button does. @param {number} id @param {any} action */
export function press(id, action) {
  if (isResting(id)) return;
  resting.add(id);
  const wake = () => setTimeout(() => { resting.delete(id); changed(); }, REST);
  act(id, action).then(wake, wake);
}

const BULK = 500;
/** What takes back the last thing done. @type {{steps: Steps, words: string} | null} */
let undoable = null;
let undoToast = 0;
/** The last thing done, if nothing takes it back: a note, or whom it was taken from when that was nobody. */
let final = "";

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

/** What would bring `before` back after `action`. @param {Incident} before @param {any} action @returns {any[]} */
function inverse(before, action) {
  const again = { action: "acknowledge", ...(before.acknowledgedUntil ? { until: before.acknowledgedUntil } : {}) };
  const mine = before.acknowledgedBy?.id === state.me?.user?.id;
  switch (action.action) {
    case "acknowledge":
    case "snooze":
      if (before.status === "triggered") return [{ action: "unacknowledge" }];
      if (before.snoozedUntil && mine) return [{ action: "snooze", until: before.snoozedUntil }];
      return mine ? [again] : before.assignees[0] ? [{ action: "reassign", to: before.assignees[0].username }] : [];
    case "resolve":
      return before.status === "acknowledged" && mine ? [{ action: "reopen" }, again] : [{ action: "reopen" }];
    case "unacknowledge":
      return mine ? [again] : [];
    case "reopen":
      return [{ action: "resolve" }];
    case "reassign":
      return before.assignees[0] ? [{ action: "reassign", to: before.assignees[0].username }] : [];
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
    if (quiet) return true;
    const back = answer.changed && before ? inverse(before, action) : [];
    // What was so already takes nothing from what can be undone.
    if (answer.changed) tell(answer.message, back.map((one) => ({ id, action: one })));
    else toast(answer.message);
    return true;
  } catch (error) {
    const wrong = problem(error);
    if (wrong.status === 0 || wrong.status === 503) {
      toast(wrong.status ? wrong.words : `No answer for ${id}. Trying again is safe.`, { wrong: true, label: "Try again", run: () => act(id, action, { key }) });
    } else if (wrong.status !== 401) {
      toast(wrong.words, { wrong: true });
    }
    return false;
  } finally {
    state.pending.delete(id);
    changed();
  }
}

/** @param {string} words @param {Steps} steps */
function tell(words, steps) {
  undoable = steps.length ? { steps, words } : null;
  final = steps.length ? "" : words;
  toast(words, steps.length ? { label: "Undo", run: undo } : {});
  undoToast = state.toasts.at(-1)?.id ?? 0;
}

/** Takes the last thing back. */
export async function undo() {
  const last = undoable;
  undoable = null;
  if (!last) return toast(final ? `Nothing takes this back: ${final}` : "Nothing to undo.");
  dismiss(undoToast);
  const done = [];
  for (const { id, action } of last.steps) done.push(await act(id, action, { quiet: true }));
  if (done.every(Boolean)) toast(last.steps.length > 1 ? "Undone." : `Undone: ${last.words}`);
}

/** Acts on one at once, on several after asking. @param {number[]} ids @param {any} action */
export function ask(ids, action) {
  const may = ids.filter((id) => {
    const incident = state.incidents.get(id);
    return !incident || mayAct(incident);
  });
  if (!may.length) return toast("You may look at this, not act on it: you are an observer here.", { wrong: true });
  if (may.length === 1) return void act(may[0], action);
  state.dialog = { kind: "confirm", ids: may, action };
  changed();
}

/** @param {number[]} ids @param {any} action */
export async function actOnAll(ids, action) {
  const before = new Map(ids.map((id) => [id, state.incidents.get(id)]));
  hold();
  for (const id of ids) state.pending.set(id, action.action);
  changed();
  /** @type {Steps} */
  const back = [];
  /** @type {Map<string, number>} */
  const failed = new Map();
  let done = 0;
  for (let at = 0; at < ids.length; at += BULK) {
    const some = ids.slice(at, at + BULK);
    try {
      const answer = await call("POST", "/incidents/actions", { body: { ids: some, ...action }, key: requestKey(), patience: 60_000 });
      for (const result of answer.results) {
        if (result.error) {
          failed.set(result.error.detail, (failed.get(result.error.detail) ?? 0) + 1);
          continue;
        }
        take(result.incident);
        done += 1;
        const was = before.get(result.id);
        if (result.changed && was) back.push(...inverse(was, action).map((one) => ({ id: result.id, action: one })));
      }
    } catch (error) {
      failed.set(problem(error).words, (failed.get(problem(error).words) ?? 0) + some.length);
    }
    for (const id of some) state.pending.delete(id);
    changed();
  }
  state.list.selected.clear();
  state.list.picking = false;
  if (done) tell(`${DONE[action.action]} ${many(done, "incident")}.`, back.length <= BULK ? back : []);
  for (const [why, number] of failed) toast(`${many(number, "incident")}: ${why}`, { wrong: true });
}
