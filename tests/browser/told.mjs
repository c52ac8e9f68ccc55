// How somebody is told: a contact that is added, proved and tried, and what a browser forbids.
import assert from "node:assert/strict";
import { isLive, schedule } from "./world.mjs";

/** A message to `path` of the far end that was not there before. */
async function arrived(server, path, wanted) {
  for (let look = 0; look < 200; look += 1) {
    const found = server.told.find(([to, body]) => to === path && wanted.test(body));
    if (found) return wanted.exec(found[1]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing like ${wanted} came to ${path}: ${JSON.stringify(server.told)}`);
}

/** On the profile and in the journey of a newcomer alike. */
export async function proves_a_contact(page, server, name) {
  await page.getByRole("button", { name: "Add a contact" }).click();
  // Whatever the server can send by, it offers.
  for (const kind of ["gotify", "slack"]) await page.getByLabel("How", { exact: true }).locator(`option[value="${kind}"]`).waitFor({ state: "attached" });
  await page.getByLabel("How", { exact: true }).selectOption("webhook");
  const form = page.locator("form", { has: page.getByLabel("How", { exact: true }) });
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("URL").fill(`${server.farUrl}/${name}`);
  await form.getByRole("button", { name: "Add", exact: true }).click();
  const line = page.locator(".contacts li", { hasText: name });
  await line.locator(".badge", { hasText: "Not verified" }).waitFor();
  const [, code] = await arrived(server, name, /\b(\d{6}) is the code/);
  // What is wrong stands beside the field; another code is not had at once.
  await line.getByLabel(`The code that came to ${name}`).fill(code === "000000" ? "111111" : "000000");
  await line.getByRole("button", { name: "Verify" }).click();
  await line.locator("[aria-invalid]:focus").waitFor();
  await line.getByRole("button", { name: "Send a new code" }).click();
  await page.locator(".toast.wrong").waitFor();
  await line.getByLabel(`The code that came to ${name}`).fill(code);
  await line.getByRole("button", { name: "Verify" }).click();
  await line.getByText("Verified", { exact: true }).waitFor();
  await line.getByRole("button", { name: `Send a test to ${name}` }).click();
  // On a slow machine the page stops looking before the far end has it.
  await page.getByText(new RegExp(`^A test (was sent|is on its way) to ${name}\\.$`)).first().waitFor();
  await arrived(server, name, /test/i);
}

export async function a_contact_is_proved_and_tried(browser, server) {
  const carol = await browser.window(server, "carol", "/profile");
  await isLive(carol);
  await proves_a_contact(carol, server, "pager");
  await carol.getByRole("button", { name: "Remove pager" }).click();
  await carol.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await carol.locator(".contacts li", { hasText: "pager" }).waitFor({ state: "detached" });
  await browser.close(carol);
  // Where a browser forbids it, it is said why.
  const denied = () => Object.defineProperty(Notification, "permission", { get: () => "denied" });
  const blocked = await browser.window(server, "carol", "/profile", { before: denied });
  await blocked.getByText("This browser blocks notifications of this site").waitFor();
  assert.equal(await blocked.getByRole("button", { name: "Ring in this browser" }).count(), 0);
  await browser.close(blocked);
  const plain = () => Object.defineProperty(window, "isSecureContext", { get: () => false });
  const http = await browser.window(server, "carol", "/profile", { before: plain });
  await http.getByText("Ringing in this browser takes https").waitFor();
  await browser.close(http);
}

export async function who_is_on_call_and_cannot_be_reached_is_told_so(browser, server) {
  server.cli(["apply", "-f", server.file("cover.toml", schedule("cover", ["carol"]))]);
  const carol = await browser.window(server, "carol", "/", { viewport: { width: 360, height: 740 } });
  await isLive(carol);
  const notice = carol.getByText("You are on call for cover, and nothing reaches you:");
  await notice.waitFor();
  assert.ok(await carol.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  // The admin of her team sees it where it is planned; who only responds does not.
  const mute = (page) => page.getByText("Nothing reaches Carol, who is on call now: no contact is verified.");
  const alice = await browser.window(server, "alice", "/on-call/cover");
  await mute(alice).waitFor();
  await browser.close(alice);
  const bob = await browser.window(server, "bob", "/on-call/cover");
  await bob.locator(".rota .turn").first().waitFor();
  assert.equal(await mute(bob).count(), 0);
  await browser.close(bob);
  await carol.getByRole("link", { name: "Say how you are told" }).click();
  await proves_a_contact(carol, server, "bell");
  await carol.getByRole("link", { name: "Incidents" }).last().click();
  await isLive(carol);
  await carol.waitForFunction(() => document.querySelector("main") && !document.querySelector(".notice"));
  server.cli(["contact", "remove", "bell", "--user", "carol"]);
  server.cli(["schedule", "remove", "cover"]);
  await browser.close(carol);
}
