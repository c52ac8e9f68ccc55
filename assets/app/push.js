// Web Push: this browser as a contact that rings while the page is closed. It is one person's: who
// it is stands where the service worker reads it, too.
import { call, problem, requestKey } from "./http.js";
import { state } from "./state.js";

/** @typedef {{user: string, name: string, endpoint: string}} Kept whose contact this is, and what it is called */

const KEPT = "incidentd-push";
const WHERE = "/push";

/** @returns {Promise<Kept | null>} */
async function kept() {
  const known = await (await caches.open(KEPT)).match(WHERE);
  return known ? known.json() : null;
}

/** @param {Kept | null} what */
async function keep(what) {
  const cache = await caches.open(KEPT);
  if (what) await cache.put(WHERE, new Response(JSON.stringify(what)));
  else await cache.delete(WHERE);
}

const me = () => state.me?.user?.username ?? "";
const subscribed = async () => (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription();

/** Can this browser ring, and does it?
 * @returns {Promise<{why: string, name: string, other: string}>} `why` not; `name` of its contact; for whom `other` it rings */
export async function here() {
  const no = (/** @type {string} */ why) => ({ why, name: "", other: "" });
  if (!isSecureContext) return no("Ringing in this browser takes https: this page came over plain http.");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return no("This browser cannot be rung. On an iPhone, add this page to the home screen first, and open it there.");
  if (Notification.permission === "denied") return no("This browser blocks notifications of this site: allow them in its settings for the site, then load this page again.");
  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration) return no("This window keeps nothing, so it cannot be rung: a private window, perhaps.");
  const rings = await registration.pushManager.getSubscription();
  const whose = rings && (await kept());
  if (!whose) return no("");
  return whose.user === me() ? { why: "", name: whose.name, other: "" } : { why: "", name: "", other: whose.user };
}

/** Asks the person, then the browser's maker, and tells the server.
 * @param {string[]} taken names of contacts @param {string} again the contact that rings again, if it is one that was */
export async function subscribe(taken, again = "") {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("This browser did not allow notifications, so it does not ring.");
  const { pushKey } = await call("GET", "/channel-kinds");
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: pushKey }).catch(() => {
    throw new Error("This browser's push service did not answer, so it does not ring.");
  });
  let name = again || "browser";
  for (let next = 2; !again && taken.includes(name); next += 1) name = `browser-${next}`;
  const address = JSON.stringify(made);
  try {
    if (again) await call("PATCH", `/users/me/contacts/${encodeURIComponent(again)}`, { body: { address } });
    else await call("POST", "/users/me/contacts", { body: { name, channel: "webpush", address }, key: requestKey() });
  } catch (error) {
    await made.unsubscribe();
    await keep(null);
    throw error;
  }
  await keep({ user: me(), name, endpoint: made.endpoint });
  return name;
}

/** The browser's maker may have moved or ended it without a word: its contact gets the address that holds now. */
export async function follow() {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const known = await kept();
  if (known?.user !== me()) return;
  const { pushManager } = await navigator.serviceWorker.ready;
  const is = await pushManager.getSubscription();
  const made = is ?? (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: (await call("GET", "/channel-kinds")).pushKey }));
  if (made.endpoint === known.endpoint) return;
  try {
    await call("PATCH", `/users/me/contacts/${encodeURIComponent(known.name)}`, { body: { address: JSON.stringify(made) } });
    await keep({ ...known, endpoint: made.endpoint });
  } catch (error) {
    if (problem(error).status === 404) await keep(null);
  }
}

/** My contact has another name, or none: then it rings no more. @param {string} name @param {string} [now] */
export async function renamed(name, now) {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  const known = await kept();
  if (known?.user !== me() || known.name !== name) return;
  if (now) return keep({ ...known, name: now });
  await (await subscribed())?.unsubscribe();
  await keep(null);
}
