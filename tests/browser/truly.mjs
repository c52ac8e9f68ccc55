// What is typed, read and counted is what it seems to be.
import assert from "node:assert/strict";
import { isLive, row } from "./world.mjs";

export async function keys_right_after_the_slash_are_the_filter_s(browser, server) {
  const id = await server.alert({ title: "Not to be answered", severity: "critical" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await row(alice, id).waitFor();
  for (const path of ["/", `/incidents/${id}`]) {
    await alice.goto(path);
    await isLive(alice);
    await alice.getByText("Not to be answered").first().waitFor();
    if (path === "/") await alice.keyboard.press("j");
    // As fast as a script types: no frame is drawn between them.
    const focus = await alice.evaluate(() => {
      for (const key of "/a") document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      return document.activeElement.id;
    });
    assert.equal(focus, "filter", path);
  }
  await alice.keyboard.type("alice");
  await alice.getByText("Nothing matches").waitFor();
  assert.equal(JSON.parse(server.cli(["show", String(id), "-o", "json"])).status, "triggered");
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function no_title_turns_its_words_around(browser, server) {
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const id = await server.alert({ title: "Open \u202etxt.exe\u2066", severity: "critical" });
  await row(alice, id).getByText("Open \ufffdtxt.exe\ufffd").waitFor();
  server.cli(["note", String(id), "read \u202egpj.exe"]);
  await alice.goto(`/incidents/${id}`);
  await alice.locator(".timeline").getByText("read \ufffdgpj.exe").waitFor();
  assert.doesNotMatch(await alice.locator("body").innerText(), /[\u202a-\u202e\u2066-\u2069]/);
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function what_waits_moves_no_column_s_name(browser, server) {
  const low = await server.alert({ title: "Stands under the mouse", severity: "warning" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  await row(alice, low).hover();
  const names = () => alice.locator(".row.names").boundingBox();
  const before = await names();
  const high = await server.alert({ title: "Waits for a moment", severity: "critical" });
  await alice.getByRole("button", { name: "1 new, show" }).waitFor();
  assert.deepEqual(await names(), before);
  server.cli(["resolve", String(low), String(high)]);
  await browser.close(alice);
}

export async function unanswered_is_what_nobody_answered(browser, server) {
  const alice = await browser.window(server, "alice", "/", { timezoneId: "Asia/Tokyo" });
  await isLive(alice);
  const id = await server.alert({ title: "Nobody answers this", severity: "warning" });
  await alice.getByRole("heading", { name: "1 unanswered" }).waitFor();
  await alice.waitForFunction(() => document.title === "(1) incidentd");
  // Moments are those of the clock here.
  await row(alice, id).hover();
  await alice.keyboard.press("j");
  await alice.keyboard.press("s");
  await alice.getByRole("button", { name: "2 hours", exact: true }).click();
  await alice.getByText(new RegExp(`Snoozed ${id} until \\d\\d:\\d\\d\\.`)).first().waitFor();
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}
