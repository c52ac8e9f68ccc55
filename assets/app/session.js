// Who is here: looked up at the start, by the login form, ended by the person or the server.
import { call, problem } from "./http.js";
import { reset, resubscribe, start, stop } from "./live.js";
import { changed, setPage, state } from "./state.js";
import { toast } from "./say.js";

/** Asks the server who this is. */
export async function whoAmI() {
  try {
    entered(await call("GET", "/me"));
  } catch (error) {
    const wrong = problem(error);
    if (wrong.status !== 401) {
      state.session = "unreachable";
      state.page = { ...state.page, reach: wrong };
      changed();
      setTimeout(() => state.session === "unreachable" && whoAmI(), 5_000);
    }
  }
}

/** @param {any} me */
function entered(me) {
  const other = state.me && state.me.user?.id !== me.user?.id;
  if (other) {
    reset();
    state.people.clear();
  }
  state.me = me;
  state.session = "in";
  start();
  for (const listener of listeners) listener();
  changed();
}

/** @type {(() => void)[]} */
const listeners = [];
/** Called whenever somebody came in. @param {() => void} listener */
export function cameIn(listener) {
  listeners.push(listener);
}

const LOOK_AGAIN = 300_000;
let lookedAt = 0;

/** A team that I was taken into meanwhile comes with the next subscribe; who logged in again in
 * another tab is in here, too. */
async function lookAgain() {
  if (!["in", "out"].includes(state.session) || document.hidden || Date.now() - lookedAt < LOOK_AGAIN / 60) return;
  lookedAt = Date.now();
  const me = await call("GET", "/me").catch(() => null);
  if (!me) return;
  if (state.session === "out") return entered(me);
  // Somebody else logged in, in another tab: this page would show one person's and act as another.
  if (me.user?.id !== state.me?.user?.id) return location.reload();
  const teams = (/** @type {any} */ one) => JSON.stringify([one.admin, one.teams.map((/** @type {any} */ team) => [team.id, team.role])]);
  const moved = teams(me) !== teams(state.me);
  state.me = me;
  if (moved) resubscribe();
  changed();
}
setInterval(lookAgain, LOOK_AGAIN);
document.addEventListener("visibilitychange", lookAgain);

addEventListener("online", () => {
  if (state.session === "unreachable") whoAmI();
});

/** @param {Event} event */
export async function logIn(event) {
  event.preventDefault();
  if (state.page.login?.busy) return;
  const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
  setPage("login", { busy: true });
  try {
    await call("POST", "/sessions", { body: { username: form.get("username"), password: form.get("password") }, open: true });
    setPage("login", null);
    await whoAmI();
  } catch (error) {
    setPage("login", { error: problem(error) });
  }
}

export async function logOut() {
  try {
    await call("DELETE", "/sessions/current");
  } catch (error) {
    if (problem(error).status !== 401) return toast(`Still logged in. ${problem(error).words}`, { wrong: true });
  }
  stop();
  reset();
  state.session = "out";
  state.me = null;
  changed();
}
