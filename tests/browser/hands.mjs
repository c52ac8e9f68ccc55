// Hands that aim at one thing never do another, and what people make by hand.
import assert from "node:assert/strict";
import { isLive, row } from "./world.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const status = (server, id) => JSON.parse(server.cli(["show", String(id), "-o", "json"])).status;

/** Presses a row's button in the very moment in which it says `word`. */
const strikes = (page, id, word) => page.evaluate(async ([id, word]) => {
  const button = () => document.querySelector(`.row[data-id="${id}"] .do button`);
  while (button()?.textContent !== word) await new Promise(requestAnimationFrame);
  button().click();
}, [id, word]);

export async function a_finger_that_was_on_its_way_does_nothing_else(browser, server) {
  const low = await server.alert({ title: "Log grows by the hour", severity: "warning" });
  const alice = await browser.window(server, "alice", "/", PHONE);
  await isLive(alice);
  await row(alice, low).waitFor();
  // It pushes the row away that was aimed at, and is not hit in its place.
  const struck = strikes(alice, low + 1, "Ack");
  const high = await server.alert({ title: "Vault sealed", severity: "critical" });
  assert.equal(high, low + 1);
  await struck;
  await row(alice, high).locator(".do button:not([aria-disabled])").waitFor();
  assert.equal(status(server, high), "triggered");
  // Somebody else has it just now: the press meant "Ack".
  const late = strikes(alice, high, "Resolve");
  server.cli(["ack", String(high)]);
  await late;
  await row(alice, high).locator(".do button:not([aria-disabled])").waitFor();
  assert.equal(status(server, high), "acknowledged");
  server.cli(["resolve", String(low), String(high)]);
  await browser.close(alice);
}

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
  // Whoever uses the keyboard is still where he was.
  assert.equal(await alice.evaluate(() => document.activeElement.textContent.trim()), "Make another address");
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
