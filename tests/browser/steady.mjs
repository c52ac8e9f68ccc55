// At night, in haste: a press does what was read, or nothing.
import assert from "node:assert/strict";
import { isLive, row } from "./world.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

const get = async (server, id) => (await fetch(`${server.url}/api/v1/incidents/${id}`, { headers: { authorization: `Bearer ${server.token}` } })).json();

/** Bob, elsewhere. */
const bobs = (server) => {
  const token = server.cli(["token", "create", "--user", "bob", "--data-dir", server.dir]).trim();
  return async (id, action, more = {}) => {
    const answer = await fetch(`${server.url}/api/v1/incidents/${id}/actions`, {
      method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: JSON.stringify({ action, ...more }),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
  };
};

const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];

export async function under_a_finger_the_list_stands_still(browser, server) {
  const low = await server.alert({ title: "Aimed at", severity: "warning" });
  const alice = await browser.window(server, "alice", "/", PHONE);
  await isLive(alice);
  const ack = row(alice, low).getByRole("button");
  // Nothing was touched yet.
  const before = await ack.boundingBox();
  const high = await server.alert({ title: "Came just then", severity: "critical" });
  await alice.getByRole("button", { name: "1 new, show" }).waitFor();
  await alice.touchscreen.tap(...middle(before));
  await row(alice, low).locator(".badge", { hasText: "Acked" }).waitFor();
  assert.equal((await get(server, high)).status, "triggered");
  await alice.getByRole("button", { name: "1 new, show" }).tap();
  await row(alice, high).waitFor();
  assert.ok((await row(alice, high).boundingBox()).y < (await row(alice, low).boundingBox()).y);
  // What was resolved stays in its place, until one wants it otherwise.
  server.cli(["resolve", String(high)]);
  await row(alice, high).locator(".badge", { hasText: "Resolved" }).waitFor();
  await alice.getByRole("button", { name: "Order anew" }).tap();
  await row(alice, high).waitFor({ state: "detached" });
  server.cli(["resolve", String(low)]);
  await browser.close(alice);
}

export async function rows_that_moved_under_a_mouse_do_nothing(browser, server) {
  const low = await server.alert({ title: "Aimed at by mouse", severity: "warning" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const place = middle(await row(alice, low).getByRole("button").boundingBox());
  // The mouse is on its way, not there yet.
  const high = await server.alert({ title: "Overtook it", severity: "critical" });
  await row(alice, high).waitFor();
  await alice.mouse.click(...place);
  await alice.getByText("The rows had just moved. Nothing was done.").first().waitFor();
  for (const id of [low, high]) assert.equal((await get(server, id)).status, "triggered");
  server.cli(["resolve", String(low), String(high)]);
  await browser.close(alice);
}

export async function a_button_never_turns_into_another_under_the_pointer(browser, server) {
  const bob = bobs(server);
  for (const [where, kind] of [["list", {}], ["page", {}], ["list", PHONE], ["page", PHONE]]) {
    for (const [first, then] of [["acknowledge", "acknowledged"], ["resolve", "resolved"]]) {
      const id = await server.alert({ title: `Raced for on the ${where}, ${first} ${kind.isMobile ?? false}`, severity: "critical" });
      if (first === "resolve") await bob(id, "acknowledge");
      const alice = await browser.window(server, "alice", where === "list" ? "/" : `/incidents/${id}`, kind);
      await isLive(alice);
      const page = alice.locator(kind.isMobile ? ".quickbar" : ".verdict").locator("button.primary");
      const button = where === "list" ? row(alice, id).getByRole("button") : page;
      await button.waitFor();
      const word = await button.innerText();
      const place = middle(await button.boundingBox());
      if (!kind.isMobile) await alice.mouse.move(...place);
      await bob(id, first);
      await alice.locator(where === "list" ? `.row[data-id="${id}"] .badge` : ".verdict .badge", { hasText: first === "resolve" ? "Resolved" : "Acked" }).waitFor();
      if (!kind.isMobile) {
        // However long one stays there.
        await alice.waitForFunction((from) => performance.now() > from + 2_500, await alice.evaluate(() => performance.now()));
        assert.equal(await button.innerText(), word);
        await alice.mouse.click(...place);
      } else await alice.touchscreen.tap(...place);
      await alice.getByText(new RegExp(`^Bob has ${then} #${id}\\. Nothing was done\\.$`, "i")).first().waitFor();
      assert.equal((await get(server, id)).status, then, `${where} ${word}`);
      // A second tap of the same haste does as little.
      await (kind.isMobile ? alice.touchscreen.tap(...place) : alice.mouse.click(...place));
      assert.equal((await get(server, id)).status, then);
      if (first === "acknowledge" && !kind.isMobile) {
        // Meant this time; and taken back it is Bob's again.
        await alice.waitForFunction((from) => performance.now() > from + 2_100, await alice.evaluate(() => performance.now()));
        await alice.mouse.click(...place);
        await alice.keyboard.press("Enter");
        await alice.locator(".badge", { hasText: "Resolved" }).first().waitFor();
        await alice.keyboard.press("u");
        await alice.getByText(/^Undone: .+ [Bb]ob must acknowledge again\.$/).first().waitFor();
        const { assignees, status } = await get(server, id);
        assert.deepEqual([assignees.map((user) => user.username), status], [["bob"], "triggered"]);
      }
      server.cli(["resolve", String(id)]);
      await browser.close(alice);
    }
  }
}

export async function a_resolve_asks_for_a_note_which_may_be_empty(browser, server) {
  const ids = [];
  for (const title of ["Volume full on db-7", "Volume full on db-8"]) ids.push(await server.alert({ title, severity: "critical" }));
  const [id, other] = ids;
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const dialog = alice.getByRole("dialog");
  const note = dialog.getByLabel("Note (may be empty)").and(alice.locator(":focus"));
  const badge = (of, word) => row(alice, of).locator(".badge", { hasText: word }).waitFor();
  // By key: what is typed is the note's, Escape leaves all as it was.
  await row(alice, id).hover();
  await alice.keyboard.press("j");
  await alice.keyboard.press("r");
  await dialog.getByRole("heading", { name: `Resolve #${id}` }).waitFor();
  await dialog.getByText("Volume full on db-7").waitFor();
  await note.waitFor();
  await alice.keyboard.type("r, a: last");
  await alice.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal((await get(server, id)).status, "triggered");
  await alice.keyboard.press("r");
  await note.waitFor();
  await alice.keyboard.type(" week's logs");
  await alice.keyboard.press("Shift+Enter");
  await alice.keyboard.type("again");
  await alice.keyboard.press("Enter");
  await badge(id, "Resolved");
  assert.equal((await get(server, id)).resolutionNote, "r, a: last week's logs\nagain");
  // It is undone as before.
  await alice.getByRole("button", { name: "Undo" }).click();
  await badge(id, "High");
  // By a row's button, without a note.
  await row(alice, id).getByRole("button", { name: /^Ack/ }).click();
  await badge(id, "Acked");
  await alice.waitForFunction((from) => performance.now() > from + 2_100, await alice.evaluate(() => performance.now()));
  await row(alice, id).getByRole("button", { name: /^Resolve/ }).dblclick();
  await note.waitFor();
  assert.equal(await note.inputValue(), "", "what was sent is not offered again");
  await alice.keyboard.press("Enter");
  await badge(id, "Resolved");
  assert.equal((await get(server, id)).resolutionNote ?? null, null);
  await alice.keyboard.press("u");
  await alice.locator(".toast").getByText(`Undone: Resolved ${id}.`, { exact: true }).waitFor();
  // Several at once, each with the note.
  for (const one of ids) await row(alice, one).getByRole("checkbox").check();
  await alice.keyboard.press("r");
  await dialog.getByRole("heading", { name: "Resolve 2 incidents" }).waitFor();
  await note.fill("The old host");
  await dialog.getByRole("button", { name: "Resolve 2" }).click();
  for (const one of ids) await badge(one, "Resolved");
  for (const one of ids) assert.equal((await get(server, one)).resolutionNote, "The old host");
  await alice.getByRole("button", { name: "Undo" }).click();
  await badge(other, "High");
  await browser.close(alice);
  // A finger in haste opens the sheet and does not close it; one tap more ends it.
  const phone = await browser.window(server, "alice", `/incidents/${other}`, PHONE);
  await isLive(phone);
  const place = middle(await phone.locator(".quickbar").getByRole("button", { name: "Resolve" }).boundingBox());
  await phone.touchscreen.tap(...place);
  await phone.locator("dialog textarea:focus").waitFor();
  await phone.touchscreen.tap(...place);
  const end = phone.getByRole("dialog").getByRole("button", { name: "Resolve" });
  const { y, height } = await end.boundingBox();
  assert.ok(y + height < 370, "above where keyboards come");
  await end.tap();
  await phone.locator(".verdict .badge", { hasText: "Resolved" }).waitFor();
  server.cli(["resolve", ...ids.map(String)]);
  await browser.close(phone);
}

export async function what_a_gone_server_did_not_answer_stays_selected(browser, server) {
  const ids = [];
  for (const title of ["Asked of nobody", "Nor this"]) ids.push(await server.alert({ title, severity: "critical" }));
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  for (const id of ids) await row(alice, id).getByRole("checkbox").check();
  const keys = [];
  await alice.route("**/incidents/actions", (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    return keys.length > 1 ? route.continue() : route.abort();
  });
  await alice.keyboard.press("r");
  await alice.keyboard.type("The old host");
  await alice.keyboard.press("Enter");
  const error = alice.locator(".toast.wrong", { hasText: "No answer for 2 incidents. Trying again is safe." });
  await error.waitFor();
  await alice.getByText("2 selected").waitFor();
  for (const id of ids) assert.ok(await row(alice, id).getByRole("checkbox").isChecked());
  // The same once more, note and all; it counts once.
  await alice.waitForFunction((from) => performance.now() > from + 2_100, await alice.evaluate(() => performance.now()));
  await error.getByRole("button", { name: "Try again" }).click();
  for (const id of ids) await row(alice, id).locator(".badge", { hasText: "Resolved" }).waitFor();
  await error.waitFor({ state: "detached" });
  await alice.getByText("2 selected").waitFor({ state: "detached" });
  for (const id of ids) assert.equal((await get(server, id)).resolutionNote, "The old host");
  assert.equal(new Set(keys).size, 1);
  await alice.getByRole("button", { name: "Undo" }).waitFor();
  await browser.close(alice);
}

export async function what_was_so_already_takes_nothing_from_undo(browser, server) {
  const bob = bobs(server);
  const id = await server.alert({ title: "Acknowledged twice", severity: "critical" });
  const alice = await browser.window(server, "alice", `/incidents/${id}`);
  await isLive(alice);
  const badge = (word) => alice.locator(".verdict .badge", { hasText: word }).waitFor();
  await alice.keyboard.press("a");
  await badge("Acked");
  await alice.keyboard.press("a");
  await alice.getByText(/already acknowledged/).first().waitFor();
  await alice.keyboard.press("u");
  await badge("High");
  // A note stands before what was earlier, and says so.
  await alice.keyboard.press("a");
  await badge("Acked");
  await alice.keyboard.press("n");
  await alice.getByRole("dialog").getByLabel("Note", { exact: true }).fill("seen");
  await alice.getByRole("dialog").getByRole("button", { name: "Add note" }).click();
  await alice.locator(".timeline .note", { hasText: "seen" }).waitFor();
  await alice.keyboard.press("u");
  await alice.getByText(/^What you did last cannot be taken back: .+ u again: what came before it\.$/).first().waitFor();
  await alice.keyboard.press("u");
  await badge("High");
  // Where somebody was since, nothing is taken back.
  await alice.keyboard.press("a");
  await badge("Acked");
  await bob(id, "acknowledge", { take: true });
  await alice.locator(".verdict", { hasText: "Bob has it" }).waitFor();
  await alice.keyboard.press("u");
  await alice.getByText(`Changed since, and left as it is: #${id}.`).first().waitFor();
  assert.equal((await get(server, id)).acknowledgedBy.name, "bob");
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function what_a_filter_cannot_mean_is_said(browser, server) {
  const id = await server.alert({ title: "Not urgent", severity: "critical" });
  const alice = await browser.window(server, "alice", "/");
  await isLive(alice);
  const filter = alice.getByRole("searchbox", { name: "Filter" });
  for (const [text, why] of [
    ["is:urgent", "is:urgent is not known. There is untold."],
    ["status:snoozed", "status:snoozed is not known. There is open, triggered, acknowledged, resolved, all."],
    ["stauts:open", /^stauts: is no field, so these words are looked for\./],
    ["host=~(", /^host=~\( is no pattern: ./],
  ]) {
    await filter.fill(text);
    await alice.getByText(why).waitFor();
    assert.equal(await row(alice, id).count(), 0, text);
  }
  await filter.fill("status:open urgency:high urgent");
  await row(alice, id).waitFor();
  assert.equal(await alice.locator(".misread").count(), 0);
  server.cli(["resolve", String(id)]);
  await browser.close(alice);
}

export async function a_page_stands_still_while_others_act(browser, server) {
  const bob = bobs(server);
  for (const kind of [{}, PHONE]) {
    const id = await server.alert({ title: `Watched ${kind.isMobile ?? false}`, severity: "critical" });
    const alice = await browser.window(server, "alice", `/incidents/${id}`, kind);
    await isLive(alice);
    const note = alice.locator("textarea:visible");
    await alice.locator(".timeline li").first().waitFor();
    // On a phone it is asked for, and comes as a sheet that moves nothing.
    const write = async () => {
      const places = () => Promise.all([".verdict", ".timeline", ".quickbar"].map((one) => alice.locator(one).boundingBox()));
      const stood = await places();
      if (kind.isMobile) {
        assert.equal(await note.count(), 0);
        await alice.locator(".quickbar").getByRole("button", { name: "Note" }).tap();
      }
      await note.waitFor();
      assert.deepEqual(await places(), stood);
    };
    await write();
    await note.fill("half written");
    const before = await note.boundingBox();
    for (const [action, word] of [["acknowledge", "Acked"], ["unacknowledge", "High"], ["acknowledge", "Acked"], ["resolve", "Resolved"], ["reopen", "High"]]) {
      await bob(id, action);
      await alice.locator(".verdict .badge", { hasText: word }).waitFor();
      assert.deepEqual(await note.boundingBox(), before, action);
    }
    if (kind.isMobile) await alice.getByRole("dialog").getByRole("button", { name: "Cancel" }).tap();
    // Neither going away nor a reload loses it.
    await alice.getByRole("link", { name: "Incidents" }).first().click();
    await row(alice, id).waitFor();
    await row(alice, id).locator(".title a").click();
    await alice.locator(".timeline li").first().waitFor();
    await write();
    assert.equal(await note.inputValue(), "half written");
    await alice.reload();
    await alice.locator(".timeline li").first().waitFor();
    await write();
    assert.equal(await note.inputValue(), "half written");
    await alice.getByRole("button", { name: "Add note" }).click();
    await alice.locator(".timeline .note", { hasText: "half written" }).waitFor();
    await write();
    assert.equal(await note.inputValue(), "");
    server.cli(["resolve", String(id)]);
    await browser.close(alice);
  }
}
