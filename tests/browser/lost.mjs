// Nobody loses his place: not by keyboard alone, not on the way back.
import assert from "node:assert/strict";
import { isLive, row } from "./world.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** What has the focus, by its name. */
const focus = (page) => page.evaluate(() => {
  const { tagName, ariaLabel, innerText = "" } = document.activeElement;
  return ["BODY", "MAIN"].includes(tagName) ? tagName : (ariaLabel ?? innerText).trim();
});

/** The focus is on what bears this name. */
const at = (page, name) => page.waitForFunction((name) => document.activeElement.textContent.trim() === name || document.activeElement.tagName === name, name);

/** Tab by tab to what bears this name. */
async function tabTo(page, name) {
  for (let tabs = 0; tabs < 40; tabs += 1) {
    await page.keyboard.press("Tab");
    if (await focus(page) === name) return;
  }
  throw new Error(`no tab leads to ${name}`);
}

export async function by_keyboard_alone_nobody_is_lost(browser, server) {
  for (const width of [1280, 360]) {
    const title = `Reached by tab at ${width}`;
    const id = await server.alert({ title, severity: "critical" });
    const alice = await browser.window(server, "alice", "/", { viewport: { width, height: 740 } });
    await isLive(alice);
    await row(alice, id).waitFor();
    const badge = (word) => alice.locator(".verdict .badge", { hasText: word }).waitFor();
    const dialog = alice.getByRole("dialog");
    await tabTo(alice, title);
    await alice.keyboard.press("Enter");
    await badge("High");
    await tabTo(alice, "Acknowledge");
    await alice.keyboard.press("Enter");
    await badge("Acked");
    await alice.waitForFunction((from) => performance.now() > from + 2_100, await alice.evaluate(() => performance.now()));
    // What was asked and not answered leaves one where one asked.
    await alice.keyboard.press("Enter");
    await dialog.waitFor();
    await alice.keyboard.press("Escape");
    await at(alice, "Resolve");
    await alice.keyboard.press("Enter");
    await dialog.locator("textarea:focus").waitFor();
    await alice.keyboard.type("by keys");
    await alice.keyboard.press("Enter");
    await badge("Resolved");
    await at(alice, "Reopen");
    // What one came by is gone, and so is a message that was read.
    await alice.keyboard.press("Escape");
    await alice.waitForURL(`${server.url}/`);
    await at(alice, "MAIN");
    await alice.getByRole("button", { name: "Dismiss" }).focus();
    await alice.keyboard.press("Enter");
    await at(alice, "MAIN");
    await browser.close(alice);
  }
}

export async function a_menu_that_led_to_a_dialog_has_the_focus_after_it(browser, server) {
  const id = await server.alert({ title: "Snoozed, or not", severity: "critical" });
  const alice = await browser.window(server, "alice", `/incidents/${id}`, { viewport: { width: 360, height: 740 } });
  await isLive(alice);
  const menu = alice.locator(".quickbar summary");
  await menu.focus();
  await alice.keyboard.press("Enter");
  await tabTo(alice, "Snooze");
  await alice.keyboard.press("Enter");
  await alice.getByRole("dialog").waitFor();
  await alice.keyboard.press("Escape");
  await menu.and(alice.locator(":focus")).waitFor();
  await browser.close(alice);
  server.cli(["resolve", String(id)]);
}

export async function a_form_that_is_gone_leaves_the_focus_in_the_page(browser, server) {
  const alice = await browser.window(server, "alice", "/tokens");
  await isLive(alice);
  await alice.getByRole("button", { name: "Make token" }).click();
  await alice.getByLabel("What it is for").fill("made by keys");
  await alice.keyboard.press("Enter");
  const made = alice.locator("tr", { hasText: "made by keys" });
  await made.waitFor();
  await at(alice, "MAIN");
  await made.getByRole("button", { name: "Revoke" }).press("Enter");
  await alice.getByRole("dialog").waitFor();
  await alice.keyboard.press("Enter");
  await made.waitFor({ state: "detached" });
  assert.notEqual(await focus(alice), "BODY");
  await browser.close(alice);
}

export async function the_way_back_leads_to_where_one_was(browser, server) {
  const ids = [];
  for (let at = 0; at < 30; at += 1) ids.push(await server.alert({ title: `Place ${at}`, severity: "critical" }));
  const alice = await browser.window(server, "alice", "/", PHONE);
  await isLive(alice);
  await row(alice, ids[0]).waitFor();
  await alice.evaluate(() => scrollTo(0, 1_500));
  await row(alice, ids[18]).locator(".title a").tap();
  await alice.locator(".verdict").waitFor();
  assert.equal(await alice.evaluate(() => scrollY), 0);
  await alice.goBack();
  await row(alice, ids[18]).waitFor();
  assert.equal(await alice.evaluate(() => scrollY), 1_500);
  await browser.close(alice);
  server.cli(["resolve", ...ids.map(String)]);
}
