// Each of these is what somebody does, sees, or must never see.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { proves_a_contact } from "./told.mjs";
import { FOREIGN, isLive, PASSWORD, row, Server } from "./world.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export async function two_browsers_see_each_others_actions(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  const bob = await browser.window(server, "bob", "/");
  await isLive(alice);
  await isLive(bob);
  const id = await server.alert({ title: "Disk full on db-3", severity: "critical" });
  for (const page of [alice, bob]) {
    await row(page, id).locator(".badge", { hasText: "High" }).waitFor();
    await page.waitForFunction(() => /^\(\d+\) incidentd$/.test(document.title));
  }
  // By key, undone by key.
  await alice.keyboard.press("j");
  await row(alice, id).and(alice.locator(".cursor")).waitFor();
  await alice.keyboard.press("a");
  await row(bob, id).locator(".badge", { hasText: "Acked" }).waitFor();
  await row(bob, id).getByText("Alice until").waitFor();
  await alice.keyboard.press("u");
  await row(bob, id).locator(".badge", { hasText: "High" }).waitFor();
  // On the page of the incident: a note, then the end.
  await bob.goto(`/incidents/${id}`);
  await alice.goto(`/incidents/${id}`);
  await isLive(alice);
  await isLive(bob);
  await bob.getByPlaceholder("What should the next person know?").fill("See **the runbook**, `df -h`, https://wiki.example.com/disk.\n\n- one\n- two");
  await bob.getByRole("button", { name: "Add note" }).click();
  const note = alice.locator(".timeline .note");
  await note.locator("strong", { hasText: "the runbook" }).waitFor();
  assert.equal(await note.locator("a").getAttribute("href"), "https://wiki.example.com/disk");
  assert.equal(await note.locator("a").getAttribute("rel"), "noopener noreferrer");
  assert.equal(await note.locator("li").count(), 2);
  await bob.getByRole("button", { name: "Resolve" }).first().click();
  await bob.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
  await alice.locator(".verdict .badge", { hasText: "Resolved" }).waitFor();
  for (const page of [alice, bob]) await browser.close(page);
}

export async function a_moving_list_never_makes_you_act_on_the_wrong_incident(browser, server) {
  const low = await server.alert({ title: "Backup slow", severity: "warning" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await row(alice, low).waitFor();
  await row(alice, low).hover();
  const before = await row(alice, low).boundingBox();
  // It belongs above, and waits.
  const high = await server.alert({ title: "Certificate expired", severity: "critical" });
  const pill = alice.getByRole("button", { name: "1 new, show" });
  await pill.waitFor();
  assert.deepEqual(await row(alice, low).boundingBox(), before);
  // What was acted on stays where it is, so that a second press hits nothing else.
  await row(alice, low).getByRole("button", { name: /^Ack/ }).dblclick();
  await row(alice, low).locator(".badge", { hasText: "Acked" }).waitFor();
  assert.deepEqual(await row(alice, low).boundingBox(), before);
  await pill.click();
  await row(alice, high).waitFor();
  assert.ok((await row(alice, high).boundingBox()).y < (await row(alice, low).boundingBox()).y);
  // More than one asks, with the count.
  await row(alice, low).getByRole("checkbox").check();
  await row(alice, high).getByRole("checkbox").check();
  await alice.locator(".bulk").getByRole("button", { name: "Resolve" }).click();
  await alice.getByRole("dialog").getByRole("heading", { name: "Resolve 2 incidents" }).waitFor();
  await alice.getByRole("dialog").getByRole("button", { name: "Resolve 2" }).click();
  await alice.getByText("Resolved 2 incidents.").first().waitFor();
  await browser.close(alice);
}

export async function nothing_is_missed_over_a_restart(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const before = await server.alert({ title: "Before", severity: "critical" });
  await row(alice, before).waitFor();
  await alice.route("**/", (route) => (route.request().method() === "HEAD" ? route.fulfill({ headers: { etag: '"newer"' } }) : route.continue()));
  await server.stop();
  await alice.getByText("Connection lost.").waitFor();
  await alice.waitForFunction(() => document.title === "(?) incidentd");
  await server.start();
  // Nobody is told of these live.
  const ids = [];
  for (const title of ["One", "Two"]) ids.push(await server.alert({ title, severity: "critical" }));
  server.cli(["resolve", String(before)]);
  await isLive(alice);
  for (const id of ids) await row(alice, id).waitFor();
  await row(alice, before).waitFor({ state: "detached" });
  await alice.getByText(/^Live again\./).first().waitFor();
  // A newer page is offered, never forced.
  await alice.getByRole("button", { name: "New version: reload" }).waitFor();
  server.cli(["resolve", ...ids.map(String)]);
  for (const id of ids) await row(alice, id).waitFor({ state: "detached" });
  await browser.close(alice);
}

export async function a_phone_is_enough_at_night(browser, server) {
  const id = await server.alert({ title: "Replica lag on db-2 above thirty seconds for the last ten minutes", severity: "critical" });
  const alice = await browser.window(server, "alice", "/", { ...PHONE, colorScheme: "dark" });
  await isLive(alice);
  const ack = row(alice, id).getByRole("button", { name: /^Ack/ });
  await ack.waitFor();
  const size = await ack.boundingBox();
  assert.ok(size.width >= 44 && size.height >= 44, JSON.stringify(size));
  await ack.tap();
  await row(alice, id).locator(".badge", { hasText: "Acked" }).waitFor();
  for (const path of ["/", `/incidents/${id}`, "/on-call", "/services", "/services/checkout", "/silences", "/teams/payments", "/teams/payments/policies", "/tokens", "/profile"]) {
    await alice.goto(path);
    await isLive(alice);
    await alice.waitForFunction(() => !document.querySelector(".bars"));
    const wide = await alice.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} px wide`);
  }
  await alice.goto("/on-call/payments-primary");
  await alice.getByRole("button", { name: "Change turns" }).tap();
  await alice.getByLabel("Only at certain hours").tap();
  await alice.getByText("Mon to Fri, 09:00 until 17:00").waitFor();
  assert.ok((await alice.evaluate(() => document.documentElement.scrollWidth)) <= 360, "hours of a turn");
  await alice.goto(`/incidents/${id}`);
  await alice.locator(".quickbar").getByRole("button", { name: "Resolve" }).tap();
  await alice.getByRole("dialog").getByRole("button", { name: "Resolve" }).tap();
  await alice.locator(".verdict .badge", { hasText: "Resolved" }).waitFor();
  await browser.close(alice);
}

export async function a_strangers_team_is_invisible(browser, server) {
  const foreign = await server.foreign({ title: "Not for alice", severity: "critical" });
  const alice = await browser.window(server, "alice", "/incidents?q=status%3Aall");
  await isLive(alice);
  const own = await server.alert({ title: "For alice", severity: "critical" });
  await row(alice, own).waitFor();
  assert.equal(await row(alice, foreign).count(), 0);
  await alice.goto(`/incidents/${foreign}`);
  await alice.getByText("There is nothing here that you may see.").waitFor();
  await alice.goto("/services/index");
  await alice.getByText("There is nothing here that you may see.").waitFor();
  assert.ok(!(await alice.content()).includes("Not for alice"));
  await browser.close(alice);
  // Who only looks is not offered what would be refused.
  const carol = await browser.window(server, "carol", `/incidents/${own}`);
  await isLive(carol);
  await carol.getByText("You may look at this incident, not act on it.").waitFor();
  server.cli(["resolve", String(own)]);
  await browser.close(carol);
}

export async function what_senders_write_stays_text(browser, server) {
  const title = "<img src=x onerror=\"document.title='pwned'\"> \u202Egnp.exe\u2066";
  const id = await server.alert({
    title, severity: "critical", description: "<script>document.title='pwned'</script> javascript:alert(1) https://example.com/a",
    labels: { __proto__x: "<b>bold</b>", constructor: "plain" }, links: [{ href: "https://example.com/", text: "<i>x</i>" }],
  });
  server.cli(["note", String(id), "[x](javascript:alert(1)) <img src=x onerror=alert(1)> **a**"]);
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await row(alice, id).waitFor();
  assert.equal(await row(alice, id).locator("img").count(), 0);
  assert.match(await row(alice, id).locator(".title").innerText(), /<img src=x onerror=/);
  await row(alice, id).locator(".title a").click();
  await alice.locator(".timeline .note").waitFor();
  await alice.getByText("<b>bold</b>").waitFor();
  assert.equal(await alice.locator("main img, main script, main i").count(), 0);
  for (const link of await alice.locator("main a[target]").all()) {
    assert.match(await link.getAttribute("href"), /^https?:\/\//);
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
  }
  // What reads backwards does so inside its own box only.
  assert.equal(await alice.locator("h1").getAttribute("dir"), "auto");
  // A title is a title: in the tab, too.
  assert.equal((await alice.title()).replace(/^\(\d+\) /, ""), `#${id} ${(await alice.locator("h1").innerText()).trim()} · incidentd`);
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function a_link_keeps_its_place_over_a_login(browser, server) {
  const id = await server.alert({ title: "Linked", severity: "critical" });
  const page = await browser.window(server, null, `/incidents/${id}`);
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Linked" }).waitFor();
  await isLive(page);
  // The session ends elsewhere; the page says so by itself, and keeps the place.
  await page.evaluate(() => fetch("/api/v1/sessions/current", { method: "DELETE" }));
  await page.getByText("Your session ended.").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Linked" }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/incidents/${id}`);
  // The filter is part of the address.
  await page.goto("/");
  await isLive(page);
  await page.getByRole("searchbox", { name: "Filter" }).fill("no such thing");
  await page.getByText("Nothing matches").waitFor();
  await page.waitForURL(/q=no%20such%20thing/);
  await page.reload();
  await page.getByText("Nothing matches").waitFor();
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await row(page, id).waitFor();
  server.cli(["resolve", String(id)]);
  await browser.close(page);
}

/** By the debugger, not as part of the page: the policy stays as it is. In the dark only the colours are others. */
async function nothing_serious(page, where, rules) {
  const only = rules ? { type: "rule", values: rules } : ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
  const found = await page.evaluate(`${AXE}; axe.run(document, { runOnly: ${JSON.stringify(only)} })`);
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  assert.deepEqual(serious.map((one) => `${where}: ${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" ")}`), []);
  // Who only hears the buttons can tell them apart; a turn in a calendar is the same one on each of its days.
  const names = await page.getByRole("button").evaluateAll((buttons) => buttons.filter((button) => !button.matches(".turn") && (!document.querySelector("dialog") || button.closest("dialog"))).map((button) => (button.ariaLabel ?? button.innerText).trim()));
  assert.deepEqual(names.filter((name, at) => name && name !== "Copy" && names.indexOf(name) !== at), [], where);
}

export async function nothing_serious_stands_in_anybodys_way(browser, server) {
  const id = await server.alert({ title: "Seen by axe", severity: "critical", labels: { instance: "db-3" } });
  // Two of each.
  const gone = [];
  for (const name of ["one", "two"]) {
    server.cli(["contact", "add", `unproved-${name}`, "--channel", "webhook", "--address", `${server.farUrl}/${name}`]);
    gone.push(["contact", "remove", `unproved-${name}`]);
    server.cli(["channel", "add", name, "--team", "payments", "--channel", "webhook", "--address", `${server.farUrl}/${name}`]);
    server.cli(["heartbeat", "add", name, "--service", "checkout", "--every", "1h"]);
    const hook = JSON.parse(server.cli(["webhook", "add", `${server.farUrl}/hook-${name}`, "--team", "payments", "-o", "json"])).id;
    const silence = server.cli(["silence", "add", "--team", "payments", `host=${name}`, "--reason", "axe"]).trim();
    gone.push(["channel", "remove", name], ["heartbeat", "remove", name], ["webhook", "remove", String(hook)], ["silence", "end", silence]);
  }
  const root = await browser.window(server, "root", "/");
  const check = async (where, page = root) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await nothing_serious(page, `${where}, ${colorScheme}`, colorScheme === "dark" && ["color-contrast"]);
    }
  };
  const to = async (path) => {
    await root.goto(path);
    await isLive(root);
    await root.waitForFunction(() => !document.querySelector(".bars"));
  };
  for (const path of [
    "/", `/incidents/${id}`, "/on-call", "/services", "/services/checkout", "/teams", "/teams/payments", "/teams/payments/policies", "/teams/payments/channels",
    "/teams/payments/heartbeats", "/teams/payments/webhooks", "/silences", "/users", "/health", "/audit", "/tokens", "/profile", "/nowhere",
  ]) {
    await to(path);
    await check(path);
  }
  for (const [path, ...forms] of [
    ["/services", "Add service"], ["/services/checkout", "Open an incident", "Who would be told?", "Add integration"], ["/teams", "Add team"],
    ...["policy", "channel", "heartbeat", "webhook"].map((one) => [`/teams/payments/${one.replace(/y$/, "ie")}s`, `Add ${one}`]),
    ["/users", "Add somebody"], ["/tokens", "Make token"], ["/profile", "Add a contact", "Rename unproved-one"],
  ]) {
    await to(path);
    for (const form of forms) await root.getByRole("button", { name: form }).click();
    await root.locator("form").first().waitFor();
    await check(`forms of ${path}`);
  }
  await to("/on-call");
  for (const form of [/^Stand in for/, /^Swap in/, /^Change turns of/]) await root.getByRole("button", { name: form }).click();
  await root.locator(".rota .preview").first().waitFor();
  await root.getByLabel("Only at certain hours").check();
  await check("forms of on-call");
  await to("/silences");
  await root.getByRole("button", { name: "Silence something" }).click();
  for (const kind of ["until", "weekly", "rule"]) {
    await root.getByLabel("When", { exact: true }).selectOption(kind);
    await root.getByLabel("By the clocks of").waitFor();
    await check(`form of a silence, ${kind}`);
  }
  await to(`/incidents/${id}`);
  for (const key of ["?", "s", "m", "r", "n"]) {
    await root.keyboard.press(key);
    await root.getByRole("dialog").waitFor();
    await check(`dialog of ${key}`);
    await root.keyboard.press("Escape");
    await root.locator("dialog").waitFor({ state: "detached" });
  }
  await browser.close(root);
  const nobody = await browser.window(server, null, "/");
  await nobody.getByLabel("Username").waitFor();
  await check("the login form", nobody);
  await browser.close(nobody);
  for (const command of gone) server.cli(command);
  server.cli(["resolve", String(id)]);
}

export async function it_opens_offline_and_says_so(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await alice.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await alice.context().setOffline(true);
  await alice.goto("/incidents/1");
  await alice.getByText("You are offline.").waitFor();
  await alice.context().setOffline(false);
  await isLive(alice);
  await browser.close(alice);
}

export async function from_set_up_to_the_first_incident(browser) {
  const server = await Server.empty();
  try {
    const page = await browser.window(server, null, await server.says(/\/setup#\S+(?=\n)/));
    await page.getByLabel("Username").waitFor();
    // The secret is gone from the address, and a reload does not lose it.
    assert.equal(new URL(page.url()).hash, "");
    await page.reload();
    await page.getByLabel("Username").fill("alice");
    await page.getByLabel("E-mail").fill("alice@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("heading", { name: "A team and a service" }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0, "used, and gone");
    await page.getByLabel("Team").fill("Operations & more");
    await page.getByLabel("Service").fill("?");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByLabel("Service").and(page.locator("[aria-invalid]:focus")).waitFor();
    await page.getByLabel("Service").fill("Web shop");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("Waiting for the first alert").waitFor();
    // The address is gone with the page; there is a way on, with another.
    await page.reload();
    await page.getByRole("button", { name: "Web shop" }).click();
    await page.getByText("Waiting for the first alert").waitFor();
    // Somebody pastes it, wrongly first.
    const line = await page.locator(".copy pre").innerText();
    const address = line.match(/http:\S+/)[0];
    const refused = await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
    assert.ok(refused.status >= 400);
    await page.getByText("A request came and was refused.").waitFor();
    await page.getByRole("button", { name: "Send a test alert" }).click();
    await page.getByText("It arrived.").waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("heading", { name: "Be told" }).waitFor();
    await page.getByText("Nothing reaches you yet: this server has no mail server, so nothing goes to alice@example.com").waitFor();
    await page.getByRole("button", { name: "Add a contact" }).click();
    await nothing_serious(page, "step 4");
    await page.getByRole("button", { name: "Close" }).click();
    await proves_a_contact(page, server, "first");
    await page.getByRole("link", { name: "To the incidents" }).click();
    await page.getByRole("link", { name: /Test alert/ }).first().click();
    await page.getByRole("heading", { name: /Test alert/ }).waitFor();
    await page.locator(".verdict").getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".verdict .badge", { hasText: "Acked" }).waitFor();
    await browser.close(page);
  } finally {
    await server.end();
  }
}

export async function ten_thousand_scroll(browser, server) {
  const alerts = (from) => JSON.stringify(Array.from({ length: 5_000 }, (_, at) => ({ labels: { alertname: `Load${from + at}`, severity: "warning" }, annotations: { summary: `Load ${from + at}` } })));
  for (const from of [0, 5_000]) {
    const response = await fetch(`${server.url}/integrations/${FOREIGN}/api/v2/alerts`, { method: "POST", headers: { "content-type": "application/json" }, body: alerts(from) });
    assert.equal(response.status, 200, await response.text());
  }
  const mallory = await browser.window(server, "mallory", "/");
  await isLive(mallory);
  await mallory.waitForFunction(() => Number(document.querySelector("[role=table]")?.getAttribute("aria-rowcount")) > 10_000);
  const firstPaint = await mallory.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  assert.ok(firstPaint < 5_000, `${firstPaint} ms`);
  await mallory.getByText("Load 0", { exact: true }).waitFor();
  // A part is not shown as the whole.
  let release = () => {};
  const held = new Promise((resolve) => { release = resolve; });
  await mallory.route(/\/api\/v1\/incidents\?/, (route) => held.then(() => route.continue()));
  await mallory.reload();
  await mallory.getByRole("heading", { name: /^\d+\+ unanswered$/ }).waitFor();
  release();
  await mallory.getByRole("heading", { name: /^\d{5} unanswered$/ }).waitFor();
  await mallory.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await mallory.getByText("Load 9999", { exact: true }).waitFor();
  assert.ok((await mallory.locator(".row").count()) < 60);
  await mallory.getByRole("searchbox", { name: "Filter" }).fill("alertname=~Load123[45]");
  await mallory.locator("[role=table][aria-rowcount='3']").waitFor();
  await browser.close(mallory);
}

export async function who_leaves_a_team_stops_seeing_it(browser, server) {
  const id = await server.alert({ title: "Seen by members", severity: "critical" });
  const bob = await browser.window(server, "bob", "/");
  await isLive(bob);
  await row(bob, id).waitFor();
  server.cli(["team", "member", "remove", "payments", "bob"]);
  await row(bob, id).waitFor({ state: "detached" });
  await bob.getByText("You no longer see incidents of Payments. You are no longer a member of this team.", { exact: true }).first().waitFor();
  await bob.getByText(/On call: /).first().waitFor({ state: "detached" });
  // Taken in again, he sees it again at once.
  server.cli(["team", "member", "add", "payments", "bob", "--role", "responder"]);
  await row(bob, id).waitFor();
  await bob.getByText(/On call: /).first().waitFor();
  server.cli(["resolve", String(id)]);
  await browser.close(bob);
}

export async function people_settle_who_is_on_call(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await alice.getByRole("link", { name: /^On call: Alice until .+, then Bob$|^On call: Bob until .+, then Alice$/ }).click();
  await alice.getByRole("heading", { name: "payments-primary" }).waitFor();
  await alice.getByText("Times are of Europe/Paris").waitFor();
  // Four weeks; a day that lies ahead is pressed to let somebody stand in.
  const days = alice.locator(".calendar td");
  await days.nth(27).getByRole("button").first().waitFor();
  assert.equal(await days.count(), 28);
  const name = await days.nth(15).getByRole("button").first().locator("strong").innerText();
  const other = name === "Alice" ? "Bob" : "Alice";
  await days.nth(15).getByRole("button").first().click();
  await alice.getByLabel("Who stands in").selectOption(other.toLowerCase());
  // Who gains, who loses which time, before it is saved.
  await alice.locator(".preview li", { hasText: new RegExp(`gains\\s+${other}\\s.+ until `) }).waitFor();
  await alice.locator(".preview li", { hasText: new RegExp(`loses\\s+${name}\\s.+ until `) }).waitFor();
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.getByText(`${other} stands in.`).first().waitFor();
  await days.nth(15).getByRole("button", { name: new RegExp(`${other}.*: stand in`) }).first().waitFor();
  await alice.getByRole("button", { name: `End ${other}'s standing in` }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await days.nth(15).getByRole("button", { name: new RegExp(`${name}.*: stand in`) }).first().waitFor();
  // Bob takes it, by phone, and hands two shifts round.
  const bob = await browser.window(server, "bob", "/on-call", PHONE);
  await bob.getByRole("button", { name: "Be on call now" }).tap();
  await bob.getByRole("dialog").getByRole("button", { name: "Be on call" }).tap();
  await bob.getByText("You are on call for payments-primary.").first().waitFor();
  await bob.getByRole("button", { name: "Swap" }).tap();
  await bob.locator(".preview li").nth(3).waitFor();
  await bob.locator("form").getByRole("button", { name: "Swap" }).tap();
  await bob.getByText(/ swapped\./).first().waitFor();
  assert.equal(await bob.locator(".agenda").count(), 1);
  assert.ok((await bob.evaluate(() => document.documentElement.scrollWidth)) <= 360);
  await browser.close(bob);
  // Who only looks is offered nothing.
  const carol = await browser.window(server, "carol", "/on-call");
  await carol.locator(".calendar td").first().waitFor();
  assert.equal(await carol.locator(".rota button").count(), 0);
  await browser.close(carol);
  // A schedule is made; a change of it says who gains and loses what before it is saved.
  await alice.getByRole("button", { name: "Add schedule" }).click();
  await alice.getByLabel("Short name").fill("edge");
  await alice.getByLabel("Time zone").fill("Mars/Base");
  await alice.getByText("Each rotation needs somebody.").waitFor();
  await alice.getByLabel("Then comes").selectOption("alice");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.getByLabel("Time zone").and(alice.locator("[aria-invalid]")).waitFor();
  await alice.getByLabel("Time zone").fill("Asia/Kathmandu");
  await alice.getByRole("button", { name: "Save" }).click();
  const edge = alice.locator(".rota", { has: alice.getByRole("heading", { name: "edge" }) });
  await edge.getByText("Times are of Asia/Kathmandu").waitFor();
  await edge.getByRole("button", { name: "Change turns" }).click();
  await edge.getByLabel("Then comes").selectOption("bob");
  await edge.locator(".preview li", { hasText: /gains\s+Bob/ }).first().waitFor();
  await edge.locator(".preview li", { hasText: /loses\s+Alice/ }).first().waitFor();
  await edge.getByRole("button", { name: "Save" }).click();
  await edge.locator(".turn", { hasText: "Bob" }).first().waitFor();
  // It begins next Monday: until then nobody is on call, and that is said.
  await alice.goto("/");
  await alice.getByText(/Nobody is on call for edge until/).waitFor();
  await alice.getByRole("link", { name: "Stand in" }).click();
  await alice.locator(".turn.nobody").first().waitFor();
  server.cli(["schedule", "remove", "edge"]);
  await browser.close(alice);
}

/** As behind a proxy that knows no upgrade. */
function without_websockets() {
  window.WebSocket = class {
    constructor() { setTimeout(() => this.onerror?.(new Event("error"))); }
    send() {}
    close() {}
  };
}

export async function plain_http_in_a_home_network_is_enough(browser, server) {
  for (const before of [() => undefined, without_websockets]) {
    const bob = await browser.window(server, null, "/", { baseURL: server.lan, before });
    await bob.getByLabel("Username").fill("bob");
    await bob.getByLabel("Password").fill(PASSWORD);
    await bob.getByRole("button", { name: "Log in" }).click();
    await isLive(bob);
    const id = await server.alert({ title: `Heard at home ${before.name}`, severity: "critical" });
    await row(bob, id).getByRole("button", { name: /^Ack/ }).click();
    await row(bob, id).locator(".badge", { hasText: "Acked" }).waitFor();
    server.cli(["resolve", String(id)]);
    await row(bob, id).locator(".badge", { hasText: "Resolved" }).waitFor();
    // What a browser forbids there is named, with its reason.
    await bob.goto("/profile");
    await bob.getByText("Ringing in this browser takes https").waitFor();
    await browser.close(bob);
  }
}

export async function a_newer_version_is_offered_to_who_comes_back_to_the_page(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const offer = alice.getByRole("button", { name: "New version: reload" });
  await alice.evaluate(() => { window.same = true; });
  // The server was renewed and nothing was lost on the way: a proxy kept the line, or the page slept.
  await alice.route("**/", (route) => (route.request().method() === "HEAD" ? route.fulfill({ headers: { etag: '"newer"' } }) : route.continue()));
  assert.equal(await offer.count(), 0);
  await alice.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await offer.waitFor();
  assert.equal(await alice.evaluate(() => window.same), true, "never by itself");
  await alice.unroute("**/");
  await offer.click();
  await isLive(alice);
  assert.equal(await alice.evaluate(() => window.same), undefined);
  assert.equal(await offer.count(), 0);
  await browser.close(alice);
}

export async function polling_is_enough_where_websockets_are_blocked(browser, server) {
  const alice = await browser.window(server, "alice", "/", { before: without_websockets });
  await isLive(alice);
  const id = await server.alert({ title: "Heard by polling", severity: "critical" });
  await row(alice, id).waitFor();
  await row(alice, id).getByRole("button", { name: /^Ack/ }).click();
  await row(alice, id).locator(".badge", { hasText: "Acked" }).waitFor();
  server.cli(["resolve", String(id)]);
  await row(alice, id).locator(".badge", { hasText: "Resolved" }).waitFor();
  await browser.close(alice);
}

export async function somebody_is_told_and_it_is_seen(browser) {
  // Where nobody was paged a moment ago: further pages are bundled.
  const server = await Server.start();
  try {
    await told_and_seen(browser, server);
  } finally {
    await server.end();
  }
}

async function told_and_seen(browser, server) {
  const id = await server.alert({ title: "Paged for", severity: "critical" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  // Of whom nothing is set the whole team is told; who only looks is not.
  await row(alice, id).getByText(/^(Alice|Bob) told, .+ \+1 in \d+:\d\d$/).waitFor();
  await alice.goto(`/incidents/${id}`);
  await alice.locator(".verdict", { hasText: /Alice told by webhook/ }).waitFor();
  const told = alice.locator("section", { has: alice.getByRole("heading", { name: "Told" }) }).locator("li");
  for (const who of ["Alice", "Bob"]) await told.filter({ hasText: who }).locator(".badge", { hasText: "Sent" }).waitFor();
  assert.equal(await told.filter({ hasText: "Carol" }).count(), 0);
  const people = new Set(server.told.filter(([, body]) => body.includes("Paged for")).map(([who]) => who));
  assert.deepEqual([...people].sort(), ["alice", "bob"]);
  // What nobody did begins like a sentence.
  await alice.locator(".timeline li", { hasText: /Tells (Alice|Bob)/ }).waitFor();
  // One may not wait: the next step, now.
  const before = await told.count();
  await alice.keyboard.press("e");
  await alice.locator(".timeline li", { hasText: /Alice\s+tells / }).waitFor();
  await told.nth(before).waitFor();
  await alice.keyboard.press("a");
  await alice.locator(".verdict .badge", { hasText: "Acked" }).waitFor();
  assert.ok(!(await alice.locator(".verdict").innerText()).includes("Next"));
  // Others who were told hear that somebody has it.
  await told.filter({ hasText: "all clear" }).first().waitFor();
  await browser.close(alice);
}
