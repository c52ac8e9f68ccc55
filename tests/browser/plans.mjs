// What is planned ahead: quiet that comes again, and the hours of a turn.
import assert from "node:assert/strict";
import { isLive, schedule } from "./world.mjs";

const said = (page, text) => page.getByText(text).first().waitFor();

/** Silences of payments, by their reason. */
const silence = async (page, reason) => (await page.evaluate(async () => (await fetch("/api/v1/silences?team=payments")).json())).items.find((one) => one.reason === reason);

async function end(page, reason) {
  await page.locator("tr", { hasText: reason }).getByRole("button", { name: /^End silence/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await page.locator("tr", { hasText: reason }).waitFor({ state: "detached" });
}

export async function quiet_comes_again_by_the_clocks_of_a_zone(browser, server) {
  const alice = await browser.window(server, "alice", "/silences", { timezoneId: "Europe/Paris", viewport: { width: 360, height: 740 } });
  await isLive(alice);
  await alice.getByRole("button", { name: "Silence something" }).click();
  await alice.getByLabel("Which", { exact: true }).fill("job=restart");
  await alice.getByLabel("Why").fill("weekly restart");
  await alice.getByLabel("When", { exact: true }).selectOption("weekly");
  // Times are the viewer's until another zone is chosen, and say whose they are.
  await alice.getByLabel("From, in Europe/Paris").fill("22:00");
  await alice.getByLabel("Until, in Europe/Paris").fill("06:00");
  const look = alice.getByRole("button", { name: "See what it matches" });
  await look.click();
  await said(alice, "Tick the days on which it opens.");
  for (const day of ["Sat", "Sun"]) await alice.getByLabel(day, { exact: true }).check();
  await alice.getByLabel("By the clocks of").fill("Mars/Base");
  await look.click();
  await alice.getByLabel("By the clocks of").and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("By the clocks of").fill("America/New_York");
  await look.click();
  await said(alice, "It would be quiet, in America/New_York");
  await said(alice, /^Sun \d+ \w+ 22:00 until Mon \d+ \w+ 06:00$/);
  await said(alice, "and so on");
  await said(alice, "Nothing that fires now matches.");
  await alice.getByLabel("Sat", { exact: true }).uncheck();
  await alice.getByText("It would be quiet").waitFor({ state: "detached" });
  await alice.getByRole("button", { name: "Silence", exact: true }).click();
  await said(alice, "Again Sun, 22:00 for 8 h in America/New_York");
  const { rrule, timeZone, duration } = (await silence(alice, "weekly restart")).windows;
  assert.deepEqual([rrule, timeZone, duration], ["FREQ=WEEKLY;BYDAY=SU", "America/New_York", "8h"]);
  await end(alice, "weekly restart");
  // Between two moments, said by other clocks than one's own.
  const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  await alice.getByRole("button", { name: "Silence something" }).click();
  await alice.getByLabel("Which", { exact: true }).fill("job=move");
  await alice.getByLabel("Why").fill("move of the office");
  await alice.getByLabel("When", { exact: true }).selectOption("until");
  await alice.getByLabel("By the clocks of").fill("Asia/Kathmandu");
  await alice.getByLabel("By the clocks of").blur();
  await alice.getByLabel("From, in Asia/Kathmandu").fill(`${day}T09:00`);
  await alice.getByLabel("Until, in Asia/Kathmandu").fill(`${day}T08:00`);
  await alice.getByRole("button", { name: "Silence", exact: true }).click();
  // What ends before it begins is refused at its field.
  await alice.getByLabel("Until, in Asia/Kathmandu").and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("Until, in Asia/Kathmandu").fill(`${day}T10:00`);
  await alice.getByRole("button", { name: "Silence", exact: true }).click();
  await alice.locator("tr", { hasText: "move of the office" }).waitFor();
  const { span } = await silence(alice, "move of the office");
  assert.deepEqual(span, { start: `${day}T03:15:00Z`, end: `${day}T04:15:00Z` });
  await end(alice, "move of the office");
  // A rule of one's own: what it may not say stands beside it.
  await alice.getByRole("button", { name: "Silence something" }).click();
  await alice.getByLabel("Which", { exact: true }).fill("job=monthly");
  await alice.getByLabel("Why").fill("patch day");
  await alice.getByLabel("When", { exact: true }).selectOption("rule");
  await alice.getByLabel("On which days").fill("FREQ=MONTHLY;COUNT=3");
  await alice.getByRole("button", { name: "Silence", exact: true }).click();
  await alice.getByLabel("On which days").and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("On which days").fill("FREQ=MONTHLY;BYDAY=2TU");
  await alice.getByLabel(/^The first time/).fill(`${day}T03:00`);
  await alice.getByRole("button", { name: "Silence", exact: true }).click();
  await said(alice, "Again FREQ=MONTHLY;BYDAY=2TU, 03:00 for 2 h in Europe/Paris");
  assert.ok(await alice.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  await end(alice, "patch day");
  await browser.close(alice);
}

export async function the_hours_of_a_turn_are_seen_before_they_change(browser, server) {
  const hours = 'restrict = [ { days = ["mon", "tue", "wed", "thu", "fri"], from = "18:00", to = "24:00" } ]';
  server.cli(["apply", "-f", server.file("evenings.toml", schedule("evenings", ["alice"], hours))]);
  const restrict = async () => (await alice.evaluate(async () => (await fetch("/api/v1/schedules/evenings")).json())).rotations[0].restrict;
  const alice = await browser.window(server, "alice", "/on-call/evenings");
  await isLive(alice);
  const before = await restrict();
  // Open, the same button says Close.
  const change = alice.getByRole("button", { name: "Change turns of evenings", exact: true });
  const form = alice.locator("form");
  await change.click();
  await form.getByText("Mon to Fri, 18:00 until midnight").waitFor();
  await form.getByText("This changes nothing.").waitFor();
  // What is not touched stays as it was.
  await form.getByRole("button", { name: "Save" }).click();
  await change.waitFor();
  assert.deepEqual(await restrict(), before);
  await change.click();
  await form.getByLabel("Fri", { exact: true }).uncheck();
  await form.getByText("Mon to Thu, 18:00 until midnight").waitFor();
  await form.locator(".preview li", { hasText: /loses\s+Alice\s+Fri \d+ \w+ 18:00 until Sat \d+ \w+ 00:00/ }).first().waitFor();
  await form.getByLabel("Until", { exact: true }).fill("06:00");
  await form.getByText("Mon to Thu, 18:00 until 06:00 on the next day").waitFor();
  await form.getByRole("button", { name: "Other hours, too" }).click();
  await form.getByText("Mon to Fri, 09:00 until 17:00").waitFor();
  await form.locator(".preview li", { hasText: /gains\s+Alice\s+\w+ \d+ \w+ 09:00 until \w+ \d+ \w+ 17:00/ }).first().waitFor();
  await form.getByRole("button", { name: "Remove Mon to Thu, 18:00 until 06:00 on the next day" }).click();
  await form.getByRole("button", { name: "Save" }).click();
  await change.waitFor();
  assert.deepEqual(await restrict(), [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "17:00" }]);
  // At all hours again.
  await change.click();
  await form.getByLabel("Only at certain hours").uncheck();
  await form.getByRole("button", { name: "Save" }).click();
  await change.waitFor();
  assert.equal((await restrict())?.length ?? 0, 0);
  server.cli(["schedule", "remove", "evenings"]);
  await browser.close(alice);
}
