// What is set once and what is asked before it is done: dialogs, people, tokens, senders, this browser.
import assert from "node:assert/strict";
import { isLive, PASSWORD, PATIENCE, row } from "./world.mjs";

const said = (page, text) => page.getByText(text).first().waitFor();

export async function dialogs_do_what_they_say(browser, server) {
  const ids = [];
  for (const title of ["Queue is long", "Workers are slow", "Consumers are stuck"]) ids.push(await server.alert({ title, severity: "critical" }));
  const [kept, gone] = ids;
  const alice = await browser.window(server, "alice", `/incidents/${kept}`);
  await isLive(alice);
  const dialog = alice.getByRole("dialog");
  const badge = (word) => alice.locator(".verdict .badge", { hasText: word }).waitFor();
  await alice.keyboard.press("s");
  await dialog.getByRole("button", { name: "1 hour", exact: true }).click();
  await badge("Snoozed");
  await alice.keyboard.press("u");
  await badge("High");
  await alice.keyboard.press("s");
  await dialog.getByLabel("Until, by this device's clock").fill("2099-01-05T09:00");
  await dialog.getByRole("button", { name: "Snooze" }).click();
  // What is refused is said, and nothing else happens.
  await alice.locator(".toast.wrong").waitFor();
  await alice.getByRole("button", { name: "Dismiss" }).click();
  await badge("High");
  await alice.keyboard.press("m");
  await dialog.getByLabel("Why, or what they should know").fill("knows the queue");
  await dialog.getByRole("button", { name: "Bob" }).click();
  await said(alice, /Assigned to Bob\.|(Bob told|Telling Bob) by webhook/);
  await alice.locator(".timeline .note", { hasText: "knows the queue" }).waitFor();
  // A note by key; what the dialog asks is not half asked when it is closed.
  await alice.keyboard.press("n");
  await alice.keyboard.type("a, r and s are letters here");
  await dialog.getByRole("button", { name: "Add note" }).click();
  await alice.locator(".timeline .note", { hasText: "letters here" }).waitFor();
  await alice.keyboard.press("u");
  await said(alice, /^What you did last cannot be taken back: /);
  await badge("High");
  // The others are merged into the one that is chosen.
  await alice.goto("/");
  await isLive(alice);
  for (const id of ids) await row(alice, id).getByRole("checkbox").check();
  await alice.getByRole("button", { name: "Merge" }).click();
  await dialog.getByLabel("Find").fill("queue");
  await dialog.getByRole("button", { name: /Queue is long/ }).click();
  await said(alice, `Merged 2 incidents into #${kept}.`);
  await alice.goto(`/incidents/${gone}`);
  await badge("Merged");
  await said(alice, `Merged into #${kept}.`);
  await alice.goto(`/incidents/${kept}`);
  await alice.locator(".alerts-list li").nth(2).waitFor();
  server.cli(["resolve", String(kept)]);
  await badge("Resolved");
  await browser.close(alice);
}

export async function a_newcomer_is_taken_in(browser, server) {
  const root = await browser.window(server, "root", "/users");
  await isLive(root);
  const add = root.locator(".panel form");
  await root.getByRole("button", { name: "Add somebody" }).click();
  await add.getByLabel("Username").fill("dave");
  await add.getByLabel("Team").selectOption("payments");
  await add.getByRole("button", { name: "Add, and make a link" }).click();
  await root.getByRole("heading", { name: "A link for dave" }).waitFor();
  const link = (await root.locator(".secret pre").innerText()).trim();
  const dave = await browser.window(server, null, link);
  await dave.getByText("Your username is dave.").waitFor();
  assert.equal(new URL(dave.url()).hash, "", "the secret is gone from the address");
  // What is wrong stands once, beside its field, and the field has the focus.
  await dave.getByLabel("Password").fill("x");
  await dave.getByRole("button", { name: "Go on" }).click();
  await dave.locator("[aria-invalid]:focus").waitFor();
  assert.equal(await dave.locator(".wrong").count(), 1);
  await dave.getByLabel("Password").fill(PASSWORD);
  await dave.getByRole("button", { name: "Go on" }).click();
  await dave.getByRole("heading", { name: "You are in." }).waitFor();
  await dave.getByRole("link", { name: "To the incidents" }).click();
  await isLive(dave);
  const again = await browser.window(server, null, link);
  await again.getByText("This link does not work.").waitFor();
  await browser.close(again);
  // His team's page shows him; a role is a choice; who is removed stops seeing it.
  const id = await server.alert({ title: "Seen by dave", severity: "critical" });
  await row(dave, id).waitFor();
  await root.goto("/teams/payments");
  const role = root.getByLabel("Role of dave");
  await role.selectOption("observer");
  await said(root, "dave is observer of Payments.");
  await root.getByRole("button", { name: "Remove dave" }).click();
  await root.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await role.waitFor({ state: "detached" });
  await row(dave, id).waitFor({ state: "detached" });
  await root.getByLabel("Username").fill("dave");
  await root.getByRole("button", { name: "Add", exact: true }).click();
  await role.waitFor();
  // Disabled, he is out at once.
  await root.goto("/users");
  await root.getByLabel("Act on dave").click();
  await root.getByRole("button", { name: "Disable" }).click();
  await root.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await root.locator("tr", { hasText: "dave" }).locator(".badge", { hasText: "Disabled" }).waitFor();
  await dave.getByRole("button", { name: "Log in" }).waitFor();
  server.cli(["resolve", String(id)]);
  await browser.close(dave);
  await browser.close(root);
}

export async function a_token_is_shown_once_and_ends_at_once(browser, server) {
  const alice = await browser.window(server, "alice", "/tokens");
  await isLive(alice);
  await alice.getByRole("button", { name: "Make token" }).click();
  await alice.getByLabel("What it is for").fill("deploy script");
  await alice.getByLabel("It may").selectOption("read");
  await alice.locator("form").getByRole("button", { name: "Make token" }).click();
  const token = (await alice.locator(".secret pre").first().innerText()).trim();
  const me = () => fetch(`${server.url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await me()).status, 200);
  await alice.getByRole("button", { name: "I have it" }).click();
  await alice.locator(".secret").waitFor({ state: "detached" });
  assert.ok(!(await alice.content()).includes(token));
  await alice.getByRole("button", { name: "Revoke deploy script" }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await said(alice, "Revoked.");
  assert.equal((await me()).status, 401);
  await browser.close(alice);
}

export async function a_sender_is_connected_renewed_and_looked_over(browser, server) {
  const alice = await browser.window(server, "alice", "/services/checkout");
  await isLive(alice);
  await alice.getByRole("button", { name: "Add integration" }).click();
  const add = alice.locator("form", { has: alice.getByRole("button", { name: "Make the address" }) });
  await add.getByLabel("Name").fill("Grafana");
  await alice.getByRole("button", { name: "Make the address" }).click();
  // The sender's own form is chosen by its name, and holds the key.
  await alice.getByRole("button", { name: "Grafana", pressed: true }).first().waitFor();
  const address = (await alice.locator(".secret pre").innerText()).match(/http:\S+/)[0];
  const body = JSON.stringify({ not: "grafana" });
  await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body });
  await said(alice, "A request came and was refused.");
  await alice.getByRole("button", { name: "I have it" }).click();
  const panel = alice.locator("section.panel", { has: alice.getByRole("heading", { name: "Grafana", exact: true }) });
  await panel.getByText("The last requests received").click();
  await panel.locator(".request .badge", { hasText: "Refused" }).waitFor();
  await panel.locator(".request pre", { hasText: '"not": "grafana"' }).waitFor();
  await panel.getByRole("button", { name: "New key" }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "Make a new key" }).click();
  await alice.locator(".secret").waitFor();
  assert.equal((await fetch(address, { method: "POST", body: "x" })).status, 404);
  await alice.getByRole("button", { name: "I have it" }).click();
  // Rules: what is wrong is said at its field, what is right is kept.
  const rules = alice.locator("section.panel", { has: alice.getByRole("heading", { name: "Rules" }) });
  await rules.getByLabel("Ask again after").fill("soon");
  await rules.getByRole("button", { name: "Save" }).click();
  await rules.locator("[aria-invalid]").waitFor();
  await rules.getByLabel("Ask again after").fill("3h");
  await rules.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  await panel.getByRole("button", { name: "Remove" }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await panel.waitFor({ state: "detached" });
  await browser.close(alice);
}

export async function it_rings_only_for_what_is_new_and_only_if_wanted(browser, server) {
  const before = () => {
    window.tones = 0;
    window.told = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
    ServiceWorkerRegistration.prototype.showNotification = async (title, more) => { window.told.push([title, more.data.url]); };
  };
  const alice = await browser.window(server, "alice", "/", { before, permissions: ["notifications"] });
  await isLive(alice);
  await alice.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const heard = (tones) => alice.waitForFunction((wanted) => window.tones === wanted, tones);
  const quiet = await server.alert({ title: "Not wanted yet", severity: "critical" });
  await row(alice, quiet).waitFor();
  await heard(0);
  await alice.getByRole("button", { name: "Sound off" }).click();
  await heard(1);
  await alice.getByText("Alice ▾").click();
  await alice.getByRole("button", { name: "Notifications off" }).click();
  await alice.getByRole("button", { name: "Notifications on" }).waitFor();
  await alice.keyboard.press("Escape");
  const low = await server.alert({ title: "Low rings once", severity: "warning" });
  await row(alice, low).waitFor();
  await heard(2);
  // One looks at the page: nothing needs to be said beside it.
  assert.deepEqual(await alice.evaluate(() => window.told), []);
  await alice.evaluate(() => Object.defineProperty(document, "hidden", { get: () => true, configurable: true }));
  const high = await server.alert({ title: "High rings six times", severity: "critical" });
  await heard(8);
  await alice.waitForFunction(() => window.told.length === 1);
  assert.deepEqual(await alice.evaluate(() => window.told), [["High: High rings six times", `/incidents/${high}`]]);
  // What others do, and what was there before, is silent.
  server.cli(["ack", String(high)]);
  server.cli(["resolve", String(quiet), String(low), String(high)]);
  await alice.evaluate(() => Object.defineProperty(document, "hidden", { get: () => false, configurable: true }));
  await alice.waitForFunction((id) => !document.querySelector(`.row.fire[data-id="${id}"]`), high);
  await heard(8);
  await alice.reload();
  await isLive(alice);
  await heard(0);
  await browser.close(alice);
}

export async function a_push_rings_and_is_answered_on_the_spot(browser, server) {
  const before = () => {
    window.shown = [];
    setInterval(async () => { window.shown = await (await navigator.serviceWorker.ready).getNotifications(); }, 50);
  };
  const alice = await browser.window(server, "alice", "/", { before, permissions: ["notifications"] });
  await isLive(alice);
  await alice.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const session = await alice.context().newCDPSession(alice);
  const registered = new Promise((resolve) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && resolve(registrations[0].registrationId)));
  await session.send("ServiceWorker.enable");
  const registrationId = await registered;
  const deliver = (said) => session.send("ServiceWorker.deliverPushMessage", { origin: server.url, registrationId, data: typeof said === "string" ? said : JSON.stringify(said) });
  const shown = async (title, timeout = PATIENCE) => {
    const found = await alice.waitForFunction((wanted) => {
      const one = window.shown.find((other) => other.title === wanted);
      return one && { body: one.body, actions: one.actions.map((action) => action.title), tag: one.tag, stays: one.requireInteraction, silent: one.silent, many: window.shown.length };
    }, title, { timeout });
    return found.jsonValue();
  };
  // As push services do: again, until it has arrived. A busy Chromium loses the first one that comes by its debugger.
  const push = async (said, title) => {
    await deliver(said);
    return shown(title, PATIENCE / 4).catch(async () => {
      await deliver(said);
      return shown(title);
    });
  };
  const page = { id: "1", kind: "page", urgency: "high", title: "High: Disk full", body: "checkout", url: `${server.url}/incidents/7`, ackUrl: `${server.url}/answer/none` };
  assert.deepEqual(await push(page, "High: Disk full"), { body: "checkout", actions: ["Acknowledge"], tag: "/incidents/7", stays: true, silent: false, many: 1 });
  // A link that is good for nothing answers nothing, and that is said where one pressed.
  const worker = alice.context().serviceWorkers()[0];
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action: "acknowledge" }));
  });
  assert.deepEqual((await shown("This link has ended")).actions, []);
  // What is over takes its place, without a sound; what cannot be read still shows something.
  const over = await push({ ...page, kind: "all_clear", title: "Resolved: Disk full", ackUrl: null }, "Resolved: Disk full");
  assert.deepEqual([over.actions, over.silent, over.many], [[], true, 1]);
  await push("what?", "incidentd");
  await browser.close(alice);
}

export async function who_is_no_admin_any_more_sees_what_is_left(browser, server) {
  const admin = (is) => fetch(`${server.url}/api/v1/users/bob`, {
    method: "PATCH", headers: { "content-type": "application/json", authorization: `Bearer ${server.token}` }, body: JSON.stringify({ admin: is }),
  }).then((answer) => assert.equal(answer.status, 200));
  const foreign = await server.foreign({ title: "Of another team", severity: "critical" });
  const own = await server.alert({ title: "Of his team", severity: "critical" });
  const bob = await browser.window(server, "bob", "/");
  await isLive(bob);
  await row(bob, own).waitFor();
  assert.equal(await row(bob, foreign).count(), 0);
  await admin(true);
  await row(bob, foreign).waitFor();
  await admin(false);
  await row(bob, foreign).waitFor({ state: "detached" });
  await isLive(bob);
  await row(bob, own).waitFor();
  server.cli(["resolve", String(own), String(foreign)]);
  await row(bob, own).waitFor({ state: "detached" });
  await browser.close(bob);
}

export async function i_say_what_rings_when(browser, server) {
  const alice = await browser.window(server, "alice", "/profile");
  await isLive(alice);
  const told = alice.locator("section.panel", { has: alice.getByRole("heading", { name: "Be told" }) });
  await told.locator("li", { hasText: "hook" }).locator(".badge", { hasText: "Verified" }).waitFor();
  await told.getByRole("button", { name: "Add a contact" }).click();
  const form = told.locator("form").first();
  await form.getByLabel("How").selectOption("ntfy");
  await form.getByLabel("Name").fill("phone");
  await form.getByLabel("Topic").fill("no address");
  await form.getByRole("button", { name: "Add" }).click();
  await form.locator("[aria-invalid]:focus").waitFor();
  await form.getByLabel("Topic").fill("https://ntfy.example.com/alice-x7f3");
  await form.getByRole("button", { name: "Add" }).click();
  await told.locator("li", { hasText: "phone" }).locator(".badge", { hasText: "Not verified" }).waitFor();
  await told.getByLabel("hook, high urgency").selectOption("5m");
  await told.getByLabel("hook, low urgency").selectOption("");
  await told.getByLabel("Low urgency is quiet from").fill("22:00");
  await told.getByLabel("until").fill("07:00");
  await told.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  const rules = await alice.evaluate(async () => (await fetch("/api/v1/users/me/rules")).json());
  assert.deepEqual(rules, { high: [{ after: "5m", contact: "hook" }, { after: "0s", contact: "phone" }], low: [{ after: "0s", contact: "phone" }], quiet: { from: "22:00", to: "07:00" }, allClear: true });
  await alice.goto("/profile");
  await told.getByRole("button", { name: "Remove phone" }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await told.locator("li", { hasText: "phone" }).waitFor({ state: "detached" });
  // All at once again, and at any hour.
  await told.getByLabel("hook, high urgency").selectOption("0s");
  await told.getByLabel("hook, low urgency").selectOption("0s");
  for (const hour of ["Low urgency is quiet from", "until"]) await told.getByLabel(hour).fill("");
  await told.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  assert.deepEqual(await alice.evaluate(async () => (await fetch("/api/v1/users/me/rules")).json()), { high: [], low: [], quiet: null, allClear: true });
  await browser.close(alice);
}

export async function a_silence_is_seen_before_it_is_made(browser, server) {
  const id = await server.alert({ title: "Copies come late", severity: "critical" });
  const alice = await browser.window(server, "alice", "/silences", { viewport: { width: 360, height: 740 } });
  await isLive(alice);
  await alice.getByRole("button", { name: "Silence something" }).click();
  await alice.getByLabel("Why").fill("a copy of everything");
  const silence = alice.getByRole("button", { name: "Silence", exact: true });
  // Nearly everything is silenced only by who means it.
  await silence.click();
  await alice.getByLabel("Which").and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("Which").fill("@service=checkout");
  await alice.getByRole("button", { name: "See what it matches" }).click();
  await said(alice, "Copies come late: its alert would be silenced");
  // What was seen holds no longer once something else is asked for.
  await alice.getByLabel("Which").fill("@service=checkout host=db-1");
  await alice.getByRole("heading", { name: "It would match" }).waitFor({ state: "detached" });
  await silence.click();
  await said(alice, "Silenced.");
  await alice.locator("tr", { hasText: "a copy of everything" }).waitFor();
  assert.ok(await alice.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await alice.getByRole("button", { name: /^End silence/ }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await said(alice, "Nothing is silenced.");
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
  // Who looks after the server may do so for any team, a member or not.
  const root = await browser.window(server, "root", "/silences");
  await root.getByRole("button", { name: "Silence something" }).click();
  await root.getByLabel("Whose alerts").selectOption("Payments");
  await root.getByLabel("Which").fill("host=db-2");
  await root.getByLabel("Why").fill("nobody else is awake");
  await root.getByRole("button", { name: "Silence", exact: true }).click();
  await root.locator("tr", { hasText: "nobody else is awake" }).getByRole("button", { name: /^End silence/ }).click();
  await root.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await said(root, "Nothing is silenced.");
  await browser.close(root);
}

export async function who_did_what_is_shown_to_admins_the_newest_first(browser, server) {
  const id = await server.alert({ title: "Audited", severity: "critical" });
  server.cli(["ack", String(id)]);
  const root = await browser.window(server, "root", "/");
  await isLive(root);
  await root.getByText("root ▾").click();
  await root.getByRole("link", { name: "Audit", exact: true }).click();
  await root.getByRole("heading", { level: 1, name: "Audit" }).waitFor();
  const lines = root.locator(".audit tbody tr");
  await lines.first().waitFor();
  // What is done now is there when one looks again, before all else.
  server.cli(["resolve", String(id), "--note", "it was the cable"]);
  await root.getByRole("button", { name: "Look again" }).click();
  await lines.first().getByText("it was the cable").waitFor();
  assert.match(await lines.first().innerText(), new RegExp(`root[^]*payments[^]*#${id}`));
  const times = await root.locator(".audit time").evaluateAll((all) => all.map((one) => one.dateTime));
  assert.deepEqual(times, times.toSorted((a, b) => Date.parse(b) - Date.parse(a)));
  // By whom and of which team; the address says it, and a page of its own is the same.
  await root.getByLabel("Who", { exact: true }).fill("host");
  await root.getByRole("button", { name: "Show" }).click();
  await root.waitForURL("**/audit?who=host");
  await root.waitForFunction(() => {
    const who = [...document.querySelectorAll(".audit td:nth-child(2)")].map((one) => one.innerText);
    return who.length && who.every((one) => one === "host");
  });
  await root.goto("/audit?team=search");
  await lines.first().waitFor();
  assert.equal(await root.getByLabel("Team").inputValue(), "search");
  assert.equal(await lines.filter({ hasText: "payments" }).count(), 0);
  await root.goto("/audit?who=nobody");
  await root.getByRole("heading", { name: "Nothing was done." }).waitFor();
  await browser.close(root);
  // Page after page.
  const far = await browser.window(server, "root", "/");
  await far.route("**/api/v1/audit?*", (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=3") }));
  await far.goto("/audit");
  const seen = far.locator(".audit tbody tr");
  await seen.nth(2).waitFor();
  assert.equal(await seen.count(), 3);
  await far.getByRole("button", { name: "Older" }).click();
  await seen.nth(5).waitFor();
  const later = await far.locator(".audit time").evaluateAll((all) => all.map((one) => one.dateTime));
  assert.deepEqual(later, later.toSorted().toReversed());
  await browser.close(far);
  const alice = await browser.window(server, "alice", "/audit");
  await alice.getByText("The audit is shown to platform admins.").waitFor();
  await browser.close(alice);
}
