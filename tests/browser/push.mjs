// A page that wakes a browser, from the alert to the answer: the server seals it for this browser, the
// browser's maker is played here, and whoever is woken answers on the notification.
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { isLive } from "./world.mjs";

/** A browser's maker: takes what is sent to one subscription, and opens it with the browser's keys (RFC 8291). */
async function maker() {
  const keys = createECDH("prime256v1");
  const [own, auth] = [keys.generateKeys(), randomBytes(16)];
  const open = (sealed) => {
    const [salt, theirs, record] = [sealed.subarray(0, 16), sealed.subarray(21, 86), sealed.subarray(86)];
    const derive = (secret, with_, info, length) => Buffer.from(hkdfSync("sha256", secret, with_, info, length));
    const secret = derive(keys.computeSecret(theirs), auth, Buffer.concat([Buffer.from("WebPush: info\0"), own, theirs]), 32);
    const cipher = createDecipheriv("aes-128-gcm", derive(secret, salt, "Content-Encoding: aes128gcm\0", 16), derive(secret, salt, "Content-Encoding: nonce\0", 12));
    cipher.setAuthTag(record.subarray(-16));
    const plain = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2)).toString();
  };
  const came = [];
  const server = createServer(async (request, response) => {
    came.push(open(Buffer.concat(await request.toArray())));
    response.writeHead(201).end();
    server.emit("came");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const next = async (wanted) => {
    for (;;) {
      const at = came.findIndex((said) => wanted.test(JSON.parse(said).title));
      if (at >= 0) return came.splice(at, 1)[0];
      await once(server, "came");
    }
  };
  const end = () => { server.close(); server.closeAllConnections(); };
  const subscription = { endpoint: `http://127.0.0.1:${server.address().port}/one`, keys: { p256dh: own.toString("base64url"), auth: auth.toString("base64url") } };
  return { subscription, next, end };
}

/** Chromium's own push service is a far one: the maker's subscription stands in for its. */
function subscribed(subscription) {
  if (!("PushManager" in window)) return;
  let now = null;
  PushManager.prototype.getSubscription = async () => now;
  PushManager.prototype.subscribe = async () => {
    now = { endpoint: subscription.endpoint, toJSON: () => subscription, unsubscribe: async () => { now = null; return true; } };
    return now;
  };
}

/** Closes the page, as far as its worker can tell; what is pushed from then on wakes the worker alone. */
async function pushes(server, page) {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const session = await page.context().newCDPSession(page);
  const registered = new Promise((resolve) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && resolve(registrations[0].registrationId)));
  await session.send("ServiceWorker.enable");
  const registrationId = await registered;
  await page.goto("about:blank");
  return (data) => session.send("ServiceWorker.deliverPushMessage", { origin: server.url, registrationId, data });
}

/** What the worker shows, sooner or later; asked in the worker, since no page is open. */
async function shown(context, title, looks = 200) {
  for (let look = 0; look < looks; look += 1) {
    const found = await context.serviceWorkers().at(-1)?.evaluate(async (wanted) => {
      const all = await self.registration.getNotifications();
      const one = all.find((other) => other.title === wanted);
      return one && { body: one.body, actions: one.actions.map((action) => action.title), tag: one.tag, stays: one.requireInteraction, many: all.length };
    }, title).catch(() => undefined);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never shown: ${title}`);
}

/** What a push shows. A debugger gives it to the worker once, and to one that is just being put to
 * sleep in vain; a push service tries again, as the same message. */
async function pushed(context, push, data, title) {
  for (let time = 0; time < 3; time += 1) {
    await push(data);
    const found = await shown(context, title, 30).catch(() => undefined);
    if (found) return found;
    console.log(`pushed again: ${title}`);
  }
  throw new Error(`never shown: ${title}`);
}

/** As a person presses it: on the notification itself, or its button. */
const press = (context, title, action = "") => context.serviceWorkers().at(-1).evaluate(async ([wanted, action]) => {
  const notification = (await self.registration.getNotifications()).find((one) => one.title === wanted);
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
}, [title, action]);

/** Alice's browser, which rings from now on, and the far end that it is rung by. */
async function ringing(browser, server) {
  const far = await maker();
  const page = await browser.window(server, "alice", "/", { permissions: ["notifications"] });
  const context = page.context();
  await page.addInitScript(subscribed, far.subscription);
  await page.goto("/profile");
  await isLive(page);
  await page.getByRole("button", { name: "Ring in this browser" }).click();
  await page.getByText("This browser rings from now on").waitFor();
  return { far, page, context };
}

export async function a_page_wakes_a_closed_page_and_is_answered_there(browser, server) {
  const { far, page, context } = await ringing(browser, server);
  await page.locator(".contacts li", { hasText: "Rings in a browser, also when it is closed" }).locator(".badge", { hasText: "Verified" }).waitFor();
  const push = await pushes(server, page);

  const id = await server.alert({ title: "The vault is open", severity: "critical" });
  const sealed = await far.next(/The vault is open/);
  const { title } = JSON.parse(sealed);
  const { body, ...rings } = await pushed(context, push, sealed, title);
  assert.deepEqual(body.split("\n").filter((line) => line && title.includes(line)), [], `${title} is said once`);
  assert.match(body, /critical, checkout/);
  assert.deepEqual(rings, { actions: ["Acknowledge"], tag: `/incidents/${id}`, stays: true, many: 1 });
  await press(context, title, "acknowledge");
  assert.deepEqual((await shown(context, "Acknowledged")).actions, []);
  const incident = JSON.parse(server.cli(["show", String(id), "-o", "json"]));
  assert.deepEqual([incident.status, incident.acknowledgedBy.name], ["acknowledged", "alice"]);
  // Elsewhere it opens what it is about. A click that no person made opens no window: seen is which.
  await context.serviceWorkers().at(-1).evaluate(() => {
    self.opened = new Promise((resolve) => { Clients.prototype.openWindow = async (url) => resolve(url); });
  });
  await press(context, "Acknowledged");
  assert.equal(await context.serviceWorkers().at(-1).evaluate(() => self.opened), `/incidents/${id}`);

  server.cli(["resolve", String(id)]);
  server.cli(["contact", "remove", "browser", "--user", "alice"]);
  await context.close();
  far.end();
}

export async function a_press_on_a_notification_says_what_came_of_it(browser, server) {
  const { far, page, context } = await ringing(browser, server);
  const push = await pushes(server, page);
  const id = String(await server.alert({ title: "The cellar is wet", severity: "critical" }));
  const sealed = await far.next(/The cellar is wet/);
  const rung = JSON.parse(sealed).title;
  const answers = async () => {
    await pushed(context, push, sealed, rung);
    await press(context, rung, "acknowledge");
  };
  const bob = server.cli(["token", "create", "--user", "bob", "--data-dir", server.dir]).trim();
  const asBob = (action) => fetch(`${server.url}/api/v1/incidents/${id}/actions`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${bob}` }, body: JSON.stringify({ action }),
  }).then((answer) => assert.equal(answer.status, 200));

  // Bob was quicker.
  await asBob("acknowledge");
  await answers();
  const held = await shown(context, "Bob has it already");
  assert.deepEqual(held.actions, []);
  assert.match(held.body, /cellar is wet[^]*already acknowledged by bob/);
  await asBob("resolve");
  await answers();
  assert.match((await shown(context, "Resolved meanwhile")).body, /already resolved by bob/);
  // Nobody answers there: nothing is claimed, and one may try again.
  await asBob("reopen");
  await server.stop();
  await answers();
  const unreached = await shown(context, "Not acknowledged");
  assert.deepEqual([unreached.actions, unreached.stays], [["Try again"], true]);
  assert.match(unreached.body, /could not reach the server/);
  await server.start();
  await press(context, "Not acknowledged", "acknowledge");
  await shown(context, "Acknowledged");

  server.cli(["resolve", id]);
  server.cli(["contact", "remove", "browser", "--user", "alice"]);
  await context.close();
  far.end();
}

export async function what_is_said_beside_a_page_leaves_it_standing(browser, server) {
  const alice = await browser.window(server, "alice", "/", { permissions: ["notifications"] });
  const context = alice.context();
  const push = await pushes(server, alice);
  const told = async (kind, id, title, url) => {
    const ackUrl = kind === "page" ? `${server.url}/answer/none` : null;
    return pushed(context, push, JSON.stringify({ id, kind, urgency: "high", title, body: "", url: server.url + url, ackUrl }), title);
  };
  // A word to the admins about the incident that rings: the page keeps its button.
  await told("page", "7-1", "Disk full", "/incidents/7");
  await told("notice", "8-2", "bob has no contact", "/incidents/7");
  assert.deepEqual((await shown(context, "Disk full")).actions, ["Acknowledge"]);
  // Several at once lead to the list, as a test, another such page and the end of others do.
  await told("page", "9-3", "2 incidents", "/");
  await told("page", "10-4", "3 incidents", "/");
  await told("test", "11-5", "A test", "/");
  await told("all_clear", "12-6", "2 others are over", "/");
  for (const title of ["2 incidents", "3 incidents"]) assert.deepEqual((await shown(context, title)).actions, ["Acknowledge"]);
  // What is over takes the place of what rang, as before.
  await told("all_clear", "13-7", "Over", "/incidents/7");
  assert.equal((await shown(context, "Over")).many, 6);
  await context.close();
}

export async function a_browser_that_gets_another_address_rings_on(browser, server) {
  const { far, page, context } = await ringing(browser, server);
  await page.locator(".contacts li", { hasText: "Rings in a browser, also when it is closed" }).locator(".badge", { hasText: "Verified" }).waitFor();
  await pushes(server, page);
  const other = await maker();
  /** What the browser's maker says while no page is open; what becomes of it is the worker's affair. */
  const to = async (maker, title) => {
    const id = await server.alert({ title, severity: "critical" });
    await maker.next(new RegExp(title));
    server.cli(["resolve", String(id)]);
  };
  const moved = (newSubscription) => context.serviceWorkers().at(-1).evaluate((newSubscription) => {
    self.dispatchEvent(Object.assign(new ExtendableEvent("pushsubscriptionchange"), { newSubscription }));
  }, newSubscription);
  const renewed = () => context.waitForEvent("response", (answer) => answer.request().method() === "PATCH" && answer.url().endsWith("/contacts/browser") && answer.status() === 200);
  await Promise.all([renewed(), moved(other.subscription)]);
  await to(other, "The attic is hot");
  // Most browsers do not say it at all: whoever comes to the page is rung on, too.
  await Promise.all([renewed(), page.goto("/")]);
  await to(far, "The roof leaks");
  // Where nobody is logged in any more the server keeps the old one, and that is said.
  await context.clearCookies();
  await moved(far.subscription);
  const said = await shown(context, "This browser rings no more");
  assert.match(said.body, /Open your profile, and press “Ring in this browser”/);

  server.cli(["contact", "remove", "browser", "--user", "alice"]);
  await context.close();
  for (const maker of [far, other]) maker.end();
}
