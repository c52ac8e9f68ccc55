// Web Push: this browser as a contact that rings while the page is closed.
import { call, requestKey } from "./http.js";
import { remember, remembered } from "./state.js";

/** Can this browser ring, and does it?
 * @returns {Promise<{why: string, name: string}>} `why` not; `name` of its contact */
export async function here() {
  const no = (/** @type {string} */ why) => ({ why, name: "" });
  if (!isSecureContext) return no("Ringing in this browser takes https: this page came over plain http.");
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return no("This browser cannot be rung. On an iPhone, add this page to the home screen first, and open it there.");
  if (Notification.permission === "denied") return no("This browser blocks notifications of this site: allow them in its settings for the site, then load this page again.");
  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration) return no("This window keeps nothing, so it cannot be rung: a private window, perhaps.");
  return { why: "", name: (await registration.pushManager.getSubscription()) ? remembered("push") : "" };
}

/** Asks the person, then the browser's maker, and tells the server. @param {string[]} taken names of contacts */
export async function subscribe(taken) {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("This browser did not allow notifications, so it does not ring.");
  const { pushKey } = await call("GET", "/channel-kinds");
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: pushKey }).catch(() => {
    throw new Error("This browser's push service did not answer, so it does not ring.");
  });
  let name = "browser";
  for (let next = 2; taken.includes(name); next += 1) name = `browser-${next}`;
  try {
    await call("POST", "/users/me/contacts", { body: { name, channel: "webpush", address: JSON.stringify(made) }, key: requestKey() });
  } catch (error) {
    await made.unsubscribe();
    throw error;
  }
  remember("push", name);
}

/** It rings no more. @param {string} name of a contact that went */
export async function forget(name) {
  if (!("serviceWorker" in navigator) || remembered("push") !== name) return;
  const registration = await navigator.serviceWorker.getRegistration();
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  remember("push", "");
}
