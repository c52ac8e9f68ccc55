// What people make by hand, and where strays are led.
import assert from "node:assert/strict";
import { isLive } from "./world.mjs";

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
