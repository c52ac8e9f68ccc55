// A page that stands beside another one, or on a line that is dead without a word.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { isLive, PASSWORD, row } from "./world.mjs";

/** The way to the server, on which what is connected can be made deaf: a phone in another network. */
async function line(server) {
  const pairs = new Set();
  const proxy = createServer((near) => {
    const far = connect(new URL(server.url).port, "127.0.0.1");
    const pair = { deaf: false, ends: [near, far] };
    pairs.add(pair);
    near.on("data", (said) => pair.deaf || far.write(said)).on("error", () => {}).on("close", () => far.destroy());
    far.on("data", (said) => pair.deaf || near.write(said)).on("error", () => {}).on("close", () => pair.deaf || near.destroy());
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${proxy.address().port}`,
    cut: () => pairs.forEach((pair) => { pair.deaf = true; }),
    end: () => { proxy.close(); pairs.forEach(({ ends }) => ends.forEach((one) => one.destroy())); },
  };
}

export async function a_phone_in_another_network_is_live_again_at_once(browser, server) {
  const way = await line(server);
  const alice = await browser.window({ url: way.url }, "alice", "/", { baseURL: way.url });
  await isLive(alice);
  const ids = [await server.alert({ title: "Heard at home", severity: "critical" })];
  await row(alice, ids[0]).waitFor();
  way.cut();
  ids.push(await server.alert({ title: "Said on the way out", severity: "critical" }));
  assert.equal(await row(alice, ids[1]).count(), 0);
  const began = Date.now();
  await alice.evaluate(() => navigator.connection.dispatchEvent(new Event("change")));
  await row(alice, ids[1]).waitFor();
  // The line itself would be given up after 45 s only.
  assert.ok(Date.now() - began < 15_000);
  await isLive(alice);
  await browser.close(alice);
  way.end();
  server.cli(["resolve", ...ids.map(String)]);
}

export async function two_tabs_of_one_person_go_and_come_together(browser, server) {
  const here = await browser.window(server, "alice", "/");
  await isLive(here);
  const there = await here.context().newPage();
  await there.goto("/on-call");
  await isLive(there);
  const id = await server.alert({ title: "Seen in two tabs", severity: "critical" });
  await row(here, id).waitFor();
  await there.locator(".top .menu summary").click();
  await there.getByRole("button", { name: "Log out" }).click();
  await here.getByText("Your session ended.").waitFor();
  await there.getByLabel("Username").fill("alice");
  await there.getByLabel("Password").fill(PASSWORD);
  await there.getByRole("button", { name: "Log in" }).click();
  await isLive(there);
  // Whoever comes back to the other tab need not log in twice.
  await here.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await isLive(here);
  await row(here, id).waitFor();
  await browser.close(here);
  server.cli(["resolve", String(id)]);
}
