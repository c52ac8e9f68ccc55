// The socket: connects, catches up by seq, notices gaps, comes back. What it hears goes to `heard`.
import { io } from "../vendor/socket.io-client/socket.io.esm.min.js";
import { setNow, now } from "./clock.js";
import { call, endSession, legible, problem } from "./http.js";
import { forget, isOpen, take } from "./incidents.js";
import { reorder } from "./order.js";
import { changed, state } from "./state.js";
import { announcement, many } from "./words.js";
import { announce, toast } from "./say.js";

const DELAYS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const ALL = "incidents:all";
const NAMES = ["created", "updated", "acknowledged", "resolved", "reassigned", "note_added", "escalated"];

/** @type {any} */
let socket = null;
let joined = false;
let joining = false;
/** The last seq that this page has. @type {number | undefined} */
let cursor;
let ackHead = 0;
/** @type {string[]} */
let rooms = [];
/** Team → seq of its newest event here. @type {Map<number, number>} */
const newest = new Map();
let attempt = 0;
/** @type {number | undefined} */
let timer;
let restUntil = 0;
/** When anything came on this line, be it the protocol's own ping of every 25 s. */
let heardAt = 0;
const SILENCE = 12_000;
/** @type {((event: any, live: boolean) => void)[]} */
const listeners = [];

/** @type {(() => void)[]} */
const restarts = [];

/** Called when the log could not be told on, and what is known was fetched anew. @param {() => void} listener */
export function restarted(listener) {
  restarts.push(listener);
}

/** @param {(event: any, live: boolean) => void} listener called once an event, after it is known */
export function heard(listener) {
  listeners.push(listener);
}

export function start() {
  if (socket) return reconnect();
  socket = io({
    transports: ["websocket", "polling"], tryAllTransports: true, reconnection: false, autoConnect: false, timeout: 8_000,
    // Over plain http a poll says nothing of the page that it comes from; only pages of this very server can send this.
    extraHeaders: { "x-incidentd-page": "same-origin" },
  });
  socket.on("connect", () => {
    joined = false;
    socket.io.engine.on("packet", () => { heardAt = performance.now(); });
  });
  socket.on("authenticated", (/** @type {any} */ hello) => {
    setNow(hello.now);
    subscribe();
    lookForNewer();
  });
  socket.on("disconnect", () => lost(""));
  socket.on("connect_error", (/** @type {Error} */ error) => refused(error.message));
  socket.on("session_expired", endSession);
  socket.on("unsubscribed", left);
  socket.on("membership_changed", belongs);
  socket.on("rate_limit_warning", (/** @type {any} */ warning) => {
    restUntil = Date.now() + warning.retryAfterMs;
    toast(warning.message, { wrong: true });
  });
  for (const name of NAMES) socket.on(`incident:${name}`, live);
  reconnect();
}

export function stop() {
  clearTimeout(timer);
  socket?.disconnect();
  joined = false;
  state.live.is = "connecting";
}

/** All that is known is another person's. */
export function reset() {
  cursor = undefined;
  rooms = [];
  newest.clear();
  state.incidents.clear();
  state.loaded = false;
  state.version += 1;
}

/** Tries at once. */
export function reconnect() {
  clearTimeout(timer);
  state.live.retryAt = null;
  if (state.session !== "in" || !socket) return;
  if (socket.connected) return check();
  socket.connect();
  changed();
}

/** A laptop that slept may hold a dead connection without knowing. @param {number} [patience] */
function check(patience = 4_000) {
  socket.timeout(patience).emit("ping", (/** @type {Error | null} */ error, /** @type {any} */ pong) => {
    if (error) {
      // Ended meanwhile, for whatever reason: who ended it knows what follows.
      if (!socket.connected) return;
      socket.disconnect();
      socket.connect();
    } else if (pong?.ok) {
      setNow(pong.now);
      changed();
    }
  });
}

/** The server may have been renewed behind a proxy, or while this page slept; one is told, never forced. */
async function lookForNewer() {
  if (state.session !== "in" || state.live.newer) return;
  const answer = await fetch("/", { method: "HEAD", cache: "no-store" }).catch(() => null);
  const tag = answer?.headers.get("etag")?.replaceAll('"', "");
  if (!tag || import.meta.url.includes(`/${tag}/`)) return;
  state.live.newer = true;
  changed();
}

/** @param {string} why */
function lost(why) {
  joined = false;
  joining = false;
  if (state.session !== "in") {
    state.live.is = "connecting";
    return;
  }
  if (state.live.is === "live") state.live.asOf = now();
  state.live.is = "lost";
  state.live.why = why;
  const rest = Math.max(0, restUntil - Date.now());
  const delay = Math.max(rest, DELAYS[Math.min(attempt, DELAYS.length - 1)] * (0.7 + Math.random() * 0.6));
  attempt += 1;
  state.live.retryAt = Date.now() + delay;
  clearTimeout(timer);
  timer = setTimeout(reconnect, delay);
  changed();
}

/** @param {string} message */
async function refused(message) {
  if (!/^(Authentication|Session)/.test(message)) return lost("");
  try {
    await call("GET", "/me");
    lost(message);
  } catch (error) {
    // Without a session the login form is there by now.
    if (problem(error).status !== 401) lost("");
  }
}

function subscribe() {
  if (joining) return;
  joining = true;
  let came = 0;
  const ask = () => {
    const asked = socket;
    socket.timeout(15_000).emit("subscribe:incidents", cursor === undefined ? {} : { after: cursor }, (/** @type {Error | null} */ error, /** @type {any} */ ack) => {
      if (error || asked !== socket) {
        joining = false;
        if (socket.connected) socket.disconnect();
        return;
      }
      if (!ack.ok) {
        joining = false;
        toast(`Live updates were refused. ${ack.error.message}`, { wrong: true });
        return lost(ack.error.message);
      }
      ack = legible(ack);
      if (ack.reset) return restart(ack);
      if (ack.rooms.includes(ALL) && rooms.length && !rooms.includes(ALL)) {
        // More to see than before, and not only from now on.
        cursor = undefined;
        rooms = [];
        return ask();
      }
      for (const event of ack.events) {
        came += take(event.incident) ? 1 : 0;
        follow(event);
        for (const listener of listeners) listener(event, false);
      }
      if (ack.more) return ask();
      arrive(ack, came);
    });
  };
  ask();
}

/** @param {any} ack @param {number} came */
function arrive(ack, came) {
  const back = state.live.is === "lost";
  ackHead = ack.head;
  cursor = Math.max(cursor ?? 0, ack.head);
  rooms = ack.rooms;
  // What I may not see any more, since whenever that is.
  const me = state.me?.user?.id;
  if (!rooms.includes(ALL)) forget((incident) => !rooms.includes(`team:${incident.team.id}`) && !incident.assignees.some((user) => user.id === me));
  joined = true;
  joining = false;
  attempt = 0;
  if (back || !state.loaded) reorder();
  state.loaded = true;
  state.live = { ...state.live, is: "live", asOf: null, retryAt: null, why: "" };
  if (back) {
    const text = came ? `Live again. ${many(came, "change")}.` : "Live again. Nothing was missed.";
    if (came) toast(text);
    else announce(text);
  }
  changed();
}

/** The log cannot be told on from where this page is: the state as it is now. @param {any} ack */
async function restart(ack) {
  const seen = new Set();
  const before = new Set(state.incidents.keys());
  const keep = (/** @type {any} */ incident) => {
    seen.add(incident.id);
    take(incident);
  };
  ack.incidents.forEach(keep);
  newest.clear();
  state.live.partial = Boolean(ack.nextCursor);
  arrive(ack, 0);
  try {
    for (let next = ack.nextCursor; next; ) {
      const page = await call("GET", "/incidents", { query: { sort: "need", limit: 200, cursor: next } });
      page.items.forEach(keep);
      next = page.nextCursor;
    }
  } catch (error) {
    toast(`Not all incidents could be loaded. ${problem(error).words}`, { wrong: true, label: "Try again", run: again });
    return;
  }
  state.live.partial = false;
  restarts.forEach((listener) => listener());
  // What was open here and is not there any more was resolved, or is no longer ours to see.
  forget((incident) => isOpen(incident) && before.has(incident.id) && !seen.has(incident.id) && incident.seq <= ack.head);
}

/** From the start. */
function again() {
  cursor = undefined;
  subscribe();
}

/** @param {any} event */
function follow(event) {
  newest.set(event.incident.team.id, event.seq);
  cursor = Math.max(cursor ?? 0, event.seq);
}

/** @param {any} said */
function live(said) {
  const event = legible(said);
  const news = take(event.incident);
  for (const listener of listeners) listener(event, true);
  if (news) announce(announcement(event));
  // Before the join only what concerns this very person comes; it must not move the cursor.
  if (!joined) return;
  const team = event.incident.team.id;
  const follows = rooms.includes(ALL) || rooms.includes(`team:${team}`);
  const known = Math.max(ackHead, newest.get(team) ?? 0);
  if (follows && event.prev !== null && event.prev > known) {
    joined = false;
    subscribe();
    return;
  }
  follow(event);
}

/** @param {any} message */
function left(message) {
  const teams = message.rooms.filter((/** @type {string} */ room) => room.startsWith("team:")).map((/** @type {string} */ room) => Number(room.slice(5)));
  rooms = rooms.filter((room) => !message.rooms.includes(room));
  // Also what I was paged for: who is out sees it again when paged anew.
  forget((incident) => teams.includes(incident.team.id));
  const names = (state.me?.teams ?? []).filter((team) => teams.includes(team.id)).map((team) => team.name);
  toast(`You no longer see incidents of ${names.join(", ") || "a team"}. ${message.reason}`, { wrong: true });
  whatIAm();
}

/** My teams, and what is shown of them. */
async function whatIAm() {
  state.me = await call("GET", "/me").catch(() => state.me);
  restarts.forEach((listener) => listener());
  changed();
}

/** @param {{teamId: number}} message */
function belongs({ teamId }) {
  if (!rooms.includes(ALL) && !rooms.includes(`team:${teamId}`)) resubscribe();
  whatIAm();
}

/** New teams come with the next subscribe. */
export function resubscribe() {
  if (!socket?.connected) return;
  // What is on its way may be of before.
  if (joining) return void setTimeout(resubscribe, 1_000);
  joined = false;
  subscribe();
}

addEventListener("online", reconnect);
// A phone that leaves the house is online all the time.
/** @type {any} */ (navigator).connection?.addEventListener("change", reconnect);
// Where nobody says so, a dead line is noticed here, long before the protocol gives it up. What is
// sent counts against a person, who may look at many screens: only after silence.
setInterval(() => !document.hidden && socket?.connected && performance.now() - heardAt > SILENCE && check(6_000), 3_000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  reconnect();
  lookForNewer();
});
