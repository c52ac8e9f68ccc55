// What people make by hand, and where strays are led.
import assert from "node:assert/strict";
import { isLive, row } from "./world.mjs";

export async function who_strays_is_led_home(browser, server) {
  const alice = await browser.window(server, "alice", "/", { viewport: { width: 360, height: 740 } });
  const answer = await alice.goto("/xyz");
  assert.equal(answer.status(), 404);
  await alice.getByRole("heading", { name: "There is nothing here." }).waitFor();
  await alice.locator("main").getByRole("link", { name: "Incidents" }).click();
  await isLive(alice);
  await browser.close(alice);
  const nobody = await browser.window(server, null, "/setup", { viewport: { width: 360, height: 740 } });
  await nobody.getByText("This link does not work.").waitFor();
  assert.ok(await nobody.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await browser.close(nobody);
}

export async function an_incident_is_opened_by_hand_and_shifts_stand_in_another_calendar(browser, server) {
  const alice = await browser.window(server, "alice", "/services/checkout");
  await isLive(alice);
  await alice.getByRole("button", { name: "Open an incident" }).click();
  await alice.getByLabel("What is wrong").fill("Customers cannot pay");
  await alice.getByRole("button", { name: "Open and page" }).click();
  await alice.getByRole("heading", { name: "Customers cannot pay" }).waitFor();
  server.cli(["resolve", alice.url().split("/").at(-1)]);

  await alice.goto("/on-call/payments-primary");
  await alice.getByText("In your calendar").click();
  await alice.getByRole("button", { name: "Make an address" }).click();
  const address = alice.locator("pre", { hasText: "/feeds/" });
  await address.waitFor();
  // Whoever uses the keyboard is still where he was, once the button is not busy any more.
  await alice.locator("button:focus", { hasText: "Make another address" }).waitFor();
  const url = await address.textContent();
  const read = await fetch(url);
  assert.match(await read.text(), /BEGIN:VEVENT/);
  await alice.getByRole("button", { name: /^End address/ }).click();
  await alice.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await alice.getByRole("button", { name: /^End address/ }).waitFor({ state: "detached" });
  assert.equal((await fetch(url)).status, 404);

  await alice.goto("/teams/payments");
  const name = alice.locator("form", { has: alice.getByRole("button", { name: "Save" }) }).getByLabel("Name");
  await name.fill("Money");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.getByRole("heading", { name: "Money", level: 1 }).waitFor();
  await name.fill("Payments");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.getByRole("heading", { name: "Payments", level: 1 }).waitFor();
  await browser.close(alice);
}

export async function a_toast_lies_over_no_button_that_is_docked(browser, server) {
  const id = await server.alert({ title: "Covered by nothing", severity: "critical" });
  const alice = await browser.window(server, "alice", `/incidents/${id}`, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await isLive(alice);
  const bar = alice.locator(".quickbar");
  await bar.getByRole("button", { name: "Acknowledge" }).tap();
  await alice.locator(".toast").waitFor();
  const top = async (of) => (await of.boundingBox()).y;
  const { y, height } = await alice.locator(".toasts").boundingBox();
  assert.ok(y + height <= await top(bar), "the actions lie free");
  // What ends the page can be scrolled out from below it.
  await alice.evaluate(() => scrollTo(0, document.body.scrollHeight));
  const last = await alice.locator(".labels").last().boundingBox();
  assert.ok(last.y + last.height <= await top(alice.locator(".toasts")), JSON.stringify(last));
  await alice.goto("/profile");
  await isLive(alice);
  const lowest = alice.locator("main button").last();
  await lowest.waitFor();
  await alice.locator("#theme").selectOption("light");
  await lowest.click();
  await alice.locator(".toast").waitFor();
  await alice.evaluate(() => scrollTo(0, document.body.scrollHeight));
  const copy = await lowest.boundingBox();
  assert.ok(copy.y + copy.height <= await top(alice.locator(".toasts")), JSON.stringify(copy));
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function things_bear_their_names(browser, server) {
  const alice = await browser.window(server, "alice", "/services/checkout");
  await isLive(alice);
  // A service's short name, which stands in addresses and files.
  await alice.locator(".crumb").getByText("checkout", { exact: true }).waitFor();
  await alice.getByLabel("Short name").fill("check out");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.getByLabel("Short name").and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("Short name").fill("cash-desk");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.waitForURL("**/services/cash-desk");
  await alice.locator(".crumb").getByText("cash-desk", { exact: true }).waitFor();
  await alice.getByLabel("Short name").fill("checkout");
  await alice.getByRole("button", { name: "Save" }).click();
  await alice.waitForURL("**/services/checkout");
  await alice.goto("/on-call/payments-primary");
  await alice.getByRole("heading", { level: 1, name: "On call for payments-primary" }).waitFor();
  await browser.close(alice);

  const root = await browser.window(server, "root", "/users");
  await isLive(root);
  const carol = root.locator("tr", { hasText: "carol" });
  const change = async (name) => {
    await carol.locator("summary").click();
    await carol.getByRole("button", { name: "Change name or e-mail" }).click();
    await root.getByLabel("Name", { exact: true }).fill(name);
    await root.getByRole("button", { name: "Save" }).click();
    await carol.locator("strong", { hasText: name }).waitFor();
  };
  await change("Caroline of Payments");
  await change("Carol");
  await browser.close(root);
}

export async function what_a_row_says_is_there_to_be_read(browser, server) {
  const rename = (name) => fetch(`${server.url}/api/v1/users/bob`, {
    method: "PATCH", headers: { "content-type": "application/json", authorization: `Bearer ${server.token}` }, body: JSON.stringify({ name }),
  }).then((answer) => assert.equal(answer.status, 200));
  await rename("Alexandra Lindqvist");
  const id = await server.alert({ title: "Certificate of api.example.com expires in less than two days", severity: "critical" });
  server.cli(["reassign", String(id), "--to", "bob"]);
  // On a desk two lines of a row hold a long title, who was told and who is next.
  const alice = await browser.window(server, "alice", "/");
  await row(alice, id).locator(".who", { hasText: "Alexandra" }).waitFor();
  const cut = (of) => of.evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight).map((one) => one.textContent));
  assert.deepEqual(await cut(row(alice, id).locator(".title span, .who, .who span:not(:empty)")), []);
  await browser.close(alice);
  // On a phone names yield, the time does not.
  server.cli(["snooze", String(id), "--for", "12h"]);
  const phone = await browser.window(server, "alice", "/", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await row(phone, id).locator(".badge", { hasText: "Snoozed" }).waitFor();
  const [time, who] = await row(phone, id).locator(".line").evaluate((line) => {
    // As an hour from now.
    line.children[1].textContent = "1h 26m";
    return [".time", ".who"].map((part) => line.querySelector(part).getBoundingClientRect().right);
  });
  assert.ok(time <= who + 1, `the time ends at ${time}, its place at ${who}`);
  await browser.close(phone);
  server.cli(["resolve", String(id)]);
  await rename("Bob");
  // What is done to people stands beside their names.
  const root = await browser.window(server, "root", "/users", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await isLive(root);
  const carol = root.locator("tr", { hasText: "carol" });
  const [name, menu] = await Promise.all([carol.locator("strong").boundingBox(), carol.locator("summary").boundingBox()]);
  assert.ok(menu.y < name.y + name.height, JSON.stringify([name, menu]));
  await carol.locator("summary").tap();
  const items = await carol.locator(".menu-items").boundingBox();
  assert.ok(items.x >= 0 && items.x + items.width <= 360, JSON.stringify(items));
  await browser.close(root);
}
