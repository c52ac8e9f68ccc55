// What a team sets up so that somebody is told: its ladders, channels, heartbeats and webhooks.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { isLive } from "./world.mjs";

const said = (page, text) => page.getByText(text).first().waitFor();
const panel = (page, heading) => page.locator("section.panel", { has: page.getByRole("heading", { name: heading, exact: true }) });
const sure = (page, word) => page.getByRole("dialog").getByRole("button", { name: word, exact: true }).click();
const PARTS = ["policies", "channels", "heartbeats", "webhooks"];

export async function a_ladder_is_built_tried_and_taken_away(browser, server) {
  const alice = await browser.window(server, "alice", "/teams/payments");
  await isLive(alice);
  await alice.getByRole("link", { name: "Escalation" }).click();
  // What holds although nothing is set, and who that means now.
  const none = panel(alice, "Nothing set");
  await none.locator(".ladder li").first().getByText("all of Payments").waitFor();
  await none.getByRole("button", { name: "Who would be told now?" }).click();
  for (const name of ["Alice", "Bob"]) await none.locator(".trial tr", { hasText: "step 1" }).getByText(name).waitFor();
  await alice.getByRole("button", { name: "Add policy" }).click();
  const form = alice.locator("form");
  const step = (n) => form.getByRole("group", { name: `Step ${n}`, exact: true });
  await form.getByRole("button", { name: "Take All of Payments out" }).click();
  await form.getByRole("button", { name: "Another step, later" }).click();
  // What is wrong stands at its field, and once.
  await step(2).getByLabel("After").fill("soon");
  await form.getByRole("button", { name: "Add policy" }).click();
  await step(2).getByLabel("After").and(form.locator("[aria-invalid]:focus")).waitFor();
  await step(2).getByLabel("After").fill("0s");
  await form.getByRole("button", { name: "Add policy" }).click();
  for (const wrong of [step(1).getByText("Tells needs 1 to 20 targets"), step(2).getByText(/needs to be later than the step before/)]) await wrong.waitFor();
  assert.equal(await form.getByRole("alert").count(), 0);
  await step(2).getByLabel("After").fill("5m");
  await step(1).getByRole("combobox").selectOption({ label: "Who is on call for payments-primary" });
  await step(2).getByRole("combobox").selectOption({ label: "Bob" });
  await step(2).getByRole("combobox").selectOption({ label: "All of Payments" });
  await form.getByLabel("If nobody answers").selectOption({ label: "from the top, once more" });
  await form.getByRole("button", { name: "Add policy" }).click();
  const made = panel(alice, "payments-default");
  const rungs = made.locator(".ladder li");
  await rungs.nth(3).waitFor();
  const words = (await rungs.allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
  assert.match(words[0], /^At once who is on call for payments-primary \(now (Alice|Bob)\)$/);
  assert.deepEqual(words.slice(1), ["After 5 min Bob, all of Payments", "After 10 min from the top, once more",
    "After 20 min as the last resort the team's admins, then the platform's; then again every hour"]);
  await made.getByRole("link", { name: "Checkout" }).waitFor();
  await made.getByRole("button", { name: "Who would be told now?" }).click();
  await made.locator(".trial tr", { hasText: "last resort" }).getByText("Alice").waitFor();
  // A change; a service names it, and it stays until none does.
  await made.getByRole("button", { name: "Change payments-default" }).click();
  await step(2).getByRole("button", { name: "Remove step 2" }).click();
  await form.getByLabel("Short name").fill("night");
  await form.getByRole("button", { name: "Save" }).click();
  const night = panel(alice, "night");
  await night.getByText("No service goes by it yet.").waitFor();
  await alice.goto("/services/checkout");
  await alice.getByLabel("Who is told").selectOption("night");
  await alice.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  await alice.goto("/teams/payments/policies");
  await night.getByText("It can be deleted once no service names it.").waitFor();
  await alice.goto("/services/checkout");
  await alice.getByLabel("Who is told").selectOption("");
  await alice.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  await alice.goto("/teams/payments/policies");
  await night.getByRole("button", { name: "Delete" }).click();
  await sure(alice, "Delete");
  await night.waitFor({ state: "detached" });
  await browser.close(alice);
}

export async function who_would_be_told_is_asked_with_labels(browser, server) {
  const silence = server.cli(["silence", "add", "host=quiet-1", "--team", "payments", "--for", "1h", "--reason", "being moved", "-q"]).trim();
  // Whoever may look may ask.
  const carol = await browser.window(server, "carol", "/services/checkout");
  await carol.getByRole("button", { name: "Who would be told?" }).click();
  const form = carol.locator("form", { has: carol.getByLabel("Its labels") });
  const ask = async (labels) => {
    await form.getByLabel("Its labels").fill(labels);
    await form.getByRole("button", { name: "Who would be told now?" }).click();
  };
  await ask("severity=warning host=db-3");
  await carol.getByRole("heading", { name: "An alert of Checkout now: warning, low urgency" }).waitFor();
  await said(carol, "There is no policy payments-default: all of the team");
  for (const name of ["Alice", "Bob"]) await carol.locator(".trial tr", { hasText: "step 1" }).getByText(name).waitFor();
  await form.getByLabel("Severity").selectOption("critical");
  await ask('host=quiet-1 rack="b 7"');
  await carol.getByRole("heading", { name: "critical, high urgency" }).waitFor();
  await said(carol, /It would be silenced until/);
  // What is no label stands at the field, and nothing older beside it.
  await ask("host db-3");
  await carol.locator("[aria-invalid]:focus").waitFor();
  await said(carol, "host is not");
  assert.equal(await carol.locator(".trial").count(), 0);
  server.cli(["silence", "end", silence]);
  await browser.close(carol);
}

export async function a_teams_channel_is_added_and_tried(browser, server) {
  const alice = await browser.window(server, "alice", "/teams/payments/channels");
  await isLive(alice);
  await alice.getByRole("button", { name: "Add channel" }).click();
  const form = alice.locator("form");
  // What an address looks like goes by the kind; what is wrong with it stands beside it.
  await form.getByText("https://hooks.slack.com/services/").waitFor();
  await form.getByLabel("Kind").selectOption({ label: "Webhook" });
  await form.getByLabel("Short name").fill("chat");
  await form.getByLabel("Address").fill("nowhere");
  await form.getByRole("button", { name: "Add channel" }).click();
  await form.getByLabel("Address").and(form.locator("[aria-invalid]:focus")).waitFor();
  await form.getByLabel("Address").fill(`${server.farUrl}/the-secret-room`);
  await form.getByRole("button", { name: "Add channel" }).click();
  const chat = panel(alice, "chat");
  await chat.getByText("No policy tells it yet.").waitFor();
  assert.ok(!(await alice.content()).includes("the-secret-room"), "an address is no more shown");
  await chat.getByRole("button", { name: "Send a test" }).click();
  await chat.getByText(/^The test was taken at /).waitFor();
  assert.ok(server.told.some(([where]) => where === "the-secret-room"));
  // Where nobody listens the test says so.
  await chat.getByRole("button", { name: "Change" }).click();
  await chat.getByLabel("New address").fill("http://127.0.0.1:1/");
  await chat.getByRole("button", { name: "Save" }).click();
  await said(alice, "Saved.");
  await chat.getByRole("button", { name: "Send a test" }).click();
  await chat.locator(".wrong").waitFor();
  // Named by a policy, it stays.
  server.cli(["policy", "add", "night", "--team", "payments", "--step", "0s=channel:chat"]);
  await alice.reload();
  await chat.getByRole("link", { name: "night" }).waitFor();
  assert.equal(await chat.getByRole("button", { name: "Remove" }).count(), 0);
  server.cli(["policy", "remove", "night"]);
  await alice.reload();
  await chat.getByRole("button", { name: "Remove" }).click();
  await sure(alice, "Remove");
  await said(alice, "No channel yet.");
  await browser.close(alice);
}

export async function a_heartbeat_is_expected_and_its_failure_seen(browser, server) {
  const alice = await browser.window(server, "alice", "/teams/payments/heartbeats");
  await isLive(alice);
  await said(alice, "No heartbeat yet.");
  await alice.getByRole("button", { name: "Add heartbeat" }).click();
  const form = alice.locator("form");
  await form.getByLabel("Short name").fill("nightly-backup");
  await form.getByLabel("It beats every").fill("often");
  await form.getByRole("button", { name: "Make its address" }).click();
  await form.getByLabel("It beats every").and(form.locator("[aria-invalid]:focus")).waitFor();
  await form.getByLabel("It beats every").fill("24h");
  await form.getByRole("button", { name: "Make its address" }).click();
  await alice.locator(".secret pre").nth(2).waitFor();
  const [address, curl, wrapped] = (await alice.locator(".secret pre").allInnerTexts()).map((text) => text.trim());
  const key = address.slice(address.lastIndexOf("/") + 1);
  assert.ok(curl.includes(address) && wrapped.includes(`INCIDENTD_HEARTBEAT_KEY=${key}`) && !wrapped.split("\n")[1].includes(key));
  await alice.getByRole("button", { name: "I have it" }).click();
  await alice.locator(".secret").waitFor({ state: "detached" });
  assert.ok(!(await alice.content()).includes(key));
  const backup = panel(alice, "nightly-backup");
  await backup.locator(".badge", { hasText: "Waiting" }).waitFor();
  // It fails, and is well again: both are seen without a reload.
  await fetch(`${address}/fail`, { method: "POST", body: "no space left" });
  await backup.locator(".badge", { hasText: "Failed" }).waitFor();
  await backup.getByRole("link", { name: /^#\d+$/ }).waitFor();
  await fetch(address);
  await backup.locator(".badge", { hasText: "Alive" }).waitFor();
  await backup.getByText(/^Last heard (just now|\d+ s ago)\.$/).waitFor();
  await backup.getByRole("button", { name: "Change" }).click();
  await backup.getByLabel("It may be late by").fill("3h");
  await backup.getByLabel("Alerts that are such signs").fill("Watchdog");
  await backup.getByRole("button", { name: "Save" }).click();
  await backup.getByLabel("Alerts that are such signs").and(backup.locator("[aria-invalid]:focus")).waitFor();
  await backup.getByLabel("Alerts that are such signs").fill('alertname="Watchdog" cluster=~"eu .*"');
  await backup.getByRole("button", { name: "Save" }).click();
  await backup.getByText("every 1 d, at most 3 h late").waitFor();
  await backup.locator("code", { hasText: "Watchdog" }).waitFor();
  await backup.getByRole("button", { name: "New key" }).click();
  await sure(alice, "Make a new key");
  await alice.locator(".secret pre").first().waitFor();
  assert.equal((await fetch(address)).status, 404);
  await backup.getByRole("button", { name: "Remove" }).click();
  await sure(alice, "Remove");
  await backup.waitFor({ state: "detached" });
  await browser.close(alice);
}

export async function a_webhook_says_how_far_it_is(browser, server) {
  let well = true;
  const taken = [];
  const far = createServer((request, response) => {
    response.statusCode = well ? 200 : 500;
    if (well) taken.push(request.headers["webhook-signature"]);
    request.resume();
    response.end();
  });
  await new Promise((resolve) => far.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${far.address().port}/far`;
  const alice = await browser.window(server, "alice", "/teams/payments/webhooks");
  await isLive(alice);
  await said(alice, "No webhook yet.");
  await alice.getByRole("button", { name: "Add webhook" }).click();
  const form = alice.locator("form");
  await form.getByLabel("URL").fill("example.com");
  await form.getByRole("button", { name: "Add webhook" }).click();
  await form.getByLabel("URL").and(form.locator("[aria-invalid]:focus")).waitFor();
  await form.getByLabel("URL").fill(address);
  await form.getByRole("button", { name: "Add webhook" }).click();
  const secret = (await alice.locator(".secret pre").innerText()).trim();
  assert.match(secret, /^whsec_/);
  await alice.getByRole("button", { name: "I have it" }).click();
  await alice.locator(".secret").waitFor({ state: "detached" });
  assert.ok(!(await alice.content()).includes(secret));
  const hook = panel(alice, address);
  await hook.locator(".badge", { hasText: "Works" }).waitFor();
  // Refused, it is behind, and why is said.
  well = false;
  const id = await server.alert({ title: "Told to a far end", severity: "critical" });
  await hook.locator(".badge", { hasText: "Failing" }).waitFor();
  await hook.getByText(/^1 incident changed since event \d+, the last that it took\.$/).waitFor();
  await hook.locator(".wrong", { hasText: "500" }).waitFor();
  await hook.getByRole("button", { name: "Disable" }).click();
  await sure(alice, "Disable");
  await hook.locator(".badge", { hasText: "Disabled" }).waitFor();
  well = true;
  await hook.getByRole("button", { name: "Go on where it stopped" }).click();
  await hook.locator(".badge", { hasText: "Works" }).waitFor();
  await hook.getByText(/^It has taken all, up to event \d+\.$/).waitFor();
  assert.ok(taken.length > 0 && taken.every((signature) => signature.startsWith("v1,")));
  await hook.getByRole("button", { name: "New secret" }).click();
  await sure(alice, "Make a new secret");
  assert.notEqual((await alice.locator(".secret pre").innerText()).trim(), secret);
  await hook.getByRole("button", { name: "Remove" }).click();
  await sure(alice, "Remove");
  await hook.waitFor({ state: "detached" });
  far.close();
  far.closeAllConnections();
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function a_teams_pages_offer_what_one_may(browser, server) {
  server.cli(["channel", "add", "room", "--team", "payments", "--channel", "webhook", "--address", `${server.farUrl}/secret-room`]);
  const hook = JSON.parse(server.cli(["webhook", "add", `${server.farUrl}/secret-hook`, "--team", "payments", "-o", "json"])).id;
  server.cli(["heartbeat", "add", "pulse", "--service", "checkout", "--every", "1h"]);
  server.cli(["policy", "add", "payments-default", "--team", "payments", "--step", "0s=team:payments"]);
  const look = async (who, visit) => {
    const page = await browser.window(server, who, "/teams/payments", { viewport: { width: 360, height: 740 } });
    for (const part of PARTS) {
      await page.goto(`/teams/payments/${part}`);
      await isLive(page);
      await page.waitForFunction(() => !document.querySelector(".bars"));
      await visit(page, part);
    }
    await browser.close(page);
  };
  // Who only looks sees them, and neither buttons nor addresses.
  await look("carol", async (page, part) => {
    await page.locator("section.panel").first().waitFor();
    const buttons = (await page.locator("main button").allInnerTexts()).filter((word) => !/^Who would be told/.test(word));
    assert.deepEqual(buttons, [], part);
    assert.ok(!(await page.content()).includes("secret-"), part);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${part} is ${wide} px wide`);
  });
  await look("mallory", (page) => said(page, "There is nothing here that you may see."));
  server.cli(["policy", "remove", "payments-default"]);
  server.cli(["heartbeat", "remove", "pulse"]);
  server.cli(["channel", "remove", "room"]);
  server.cli(["webhook", "remove", String(hook)]);
}

export async function an_admin_sees_how_the_server_is(browser, server) {
  const root = await browser.window(server, "root", "/");
  await isLive(root);
  await root.getByText("root ▾").click();
  await root.getByRole("link", { name: "Health of the server" }).click();
  const found = (check) => root.locator(".findings tr", { has: root.getByText(check, { exact: true }) });
  await found("database").locator(".badge", { hasText: "Ok" }).waitFor();
  await found("backup").locator(".badge", { hasText: "Warning" }).waitFor();
  await found("backup").locator("code", { hasText: "incidentd backup --help" }).waitFor();
  await root.getByRole("button", { name: "Look again" }).click();
  await said(root, /^Looked (just now|\d+ s ago)\.$/);
  await browser.close(root);
  const alice = await browser.window(server, "alice", "/health");
  await said(alice, "The server's health is shown to platform admins.");
  await browser.close(alice);
}
