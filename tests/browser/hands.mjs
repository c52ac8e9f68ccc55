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

export async function a_toast_lies_over_no_button_of_a_row(browser, server) {
  const ids = [];
  for (let at = 0; at < 24; at += 1) ids.push(await server.alert({ title: `Row ${at}`, severity: "critical" }));
  for (const [width, more] of [[360, { hasTouch: true, isMobile: true }], [768, {}], [1440, {}]]) {
    const alice = await browser.window(server, "alice", "/", { viewport: { width, height: 740 }, ...more });
    await isLive(alice);
    await row(alice, ids[0]).waitFor();
    if (width === 360) await alice.getByRole("button", { name: "Select" }).tap();
    // In the middle of the list, and at its end.
    for (const far of [0.4, 1]) {
      await alice.evaluate((far) => scrollTo(0, far * (document.body.scrollHeight - innerHeight)), far);
      await alice.keyboard.press("u");
      const toast = alice.locator(".toasts .toast").last();
      await toast.waitFor();
      await alice.waitForFunction(() => document.querySelectorAll(".row[data-id]").length > 5);
      const covered = await alice.evaluate(() => {
        const toast = document.querySelector(".toasts").getBoundingClientRect();
        const dock = document.querySelector(".dock").getBoundingClientRect();
        // What is docked is no row's place anyway.
        const free = dock.height ? dock.top : innerHeight;
        const lies = (box) => box.top < Math.min(toast.bottom, free) && box.bottom > toast.top && box.left < toast.right && box.right > toast.left;
        return [...document.querySelectorAll(".row button, .row label")].filter((one) => lies(one.getBoundingClientRect())).length;
      });
      assert.equal(covered, 0, `${width} px, ${far}`);
      await alice.getByRole("button", { name: "Dismiss" }).last().click();
      await toast.waitFor({ state: "detached" });
    }
    if (width === 360) {
      // Nor over the navigation, however long it stands.
      await alice.keyboard.press("u");
      await alice.locator(".toast").last().waitFor();
      await alice.getByRole("link", { name: "On-call" }).click();
      await alice.waitForURL("**/on-call");
    }
    await browser.close(alice);
  }
  server.cli(["resolve", ...ids.map(String)]);
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

export async function the_tab_says_which_page_it_is(browser, server) {
  const id = await server.alert({ title: "Named in the tab", severity: "critical" });
  const root = await browser.window(server, "root", "/");
  await isLive(root);
  await row(root, id).waitFor();
  for (const [path, title] of [
    ["/", "incidentd"], [`/incidents/${id}`, `#${id} Named in the tab · incidentd`], ["/on-call", "On call · incidentd"], ["/services", "Services · incidentd"],
    ["/services/checkout", "Checkout · Services · incidentd"], ["/teams/payments/policies", "Payments · Teams · incidentd"], ["/profile", "My profile · incidentd"],
  ]) {
    await root.goto(path);
    // What waits stands in front, wherever one is.
    await root.waitForFunction((title) => document.title.replace(/^\(\d+\+?\) /, "") === title && /^\(\d/.test(document.title), title);
  }
  await root.locator("main .panel").nth(5).waitFor();
  await server.stop();
  await root.waitForFunction(() => document.title === "(?) My profile · incidentd");
  await server.start();
  await isLive(root);
  server.cli(["resolve", String(id)]);
  // Forms stand beside each other where there is room.
  await root.setViewportSize({ width: 1440, height: 900 });
  const ends = await root.locator("main .panel").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().right));
  assert.ok(Math.max(...ends) > 1_250 && Math.min(...ends) < 760, String(ends));
  await browser.close(root);
}

export async function on_a_small_desk_nothing_is_torn_apart(browser, server) {
  const silence = server.cli(["silence", "add", "--team", "payments", "@service=checkout", "instance=db-4", "--reason", "Patches are applied, and it restarts"]).trim();
  const alice = await browser.window(server, "alice", "/on-call", { viewport: { width: 768, height: 1024 } });
  const buttons = alice.locator(".rota", { has: alice.getByRole("heading", { name: "payments-primary" }) }).locator(".page-head").first().getByRole("button");
  await buttons.nth(3).waitFor();
  const tops = await buttons.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
  assert.equal(new Set(tops).size, 1, String(tops));
  await alice.goto("/silences");
  const what = alice.locator("td strong", { hasText: "instance" });
  await what.waitFor();
  assert.ok((await what.boundingBox()).height <= 48, "a line for each label");
  const id = await server.alert({ title: "Chosen on a tablet", severity: "critical" });
  await alice.goto("/");
  await row(alice, id).getByRole("checkbox").check();
  await alice.getByText("1 selected").waitFor();
  assert.ok(await alice.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "all that can be done with it");
  await alice.getByRole("button", { name: "Select none" }).click();
  await browser.close(alice);
  server.cli(["resolve", String(id)]);
  server.cli(["silence", "end", silence]);
}

export async function things_bear_their_names(browser, server) {
  const alice = await browser.window(server, "alice", "/services/checkout");
  await isLive(alice);
  // A service's short name, which stands in addresses and files.
  await alice.locator(".crumb").getByText("checkout", { exact: true }).waitFor();
  await alice.getByLabel("Short name").fill("check out");
  await alice.getByLabel("Name", { exact: true }).fill("x".repeat(300));
  await alice.getByRole("button", { name: "Save" }).click();
  // All that is wrong at once, and one is at the first of it.
  await alice.getByLabel("Short name").and(alice.locator("[aria-invalid]")).waitFor();
  await alice.getByLabel("Name", { exact: true }).and(alice.locator("[aria-invalid]:focus")).waitFor();
  await alice.getByLabel("Name", { exact: true }).fill("Checkout");
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
  // On a phone a name has the width of the row; what is longer yields to the time.
  const phone = await browser.window(server, "alice", "/", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await row(phone, id).locator(".who", { hasText: "Alexandra" }).waitFor();
  assert.deepEqual(await cut(row(phone, id).locator(".who, .who span:not(.told, :empty), .where, .line")), []);
  server.cli(["snooze", String(id), "--for", "12h"]);
  await row(phone, id).locator(".badge", { hasText: "Snoozed" }).waitFor();
  assert.deepEqual(await cut(row(phone, id).locator(".who, .who span:not(.told, :empty), .where, .line")), []);
  await rename("Alexandra Konstantinopoulou-Lindqvist");
  server.cli(["reassign", String(id), "--to", "bob"]);
  await row(phone, id).locator(".who", { hasText: "Konstantinopoulou" }).waitFor();
  const [time, who] = await row(phone, id).locator(".line").evaluate((line) => [".time", ".who"].map((part) => line.querySelector(part).getBoundingClientRect().right));
  assert.ok(time <= who + 1, `the time ends at ${time}, its place at ${who}`);
  const [box, lowest] = await Promise.all([row(phone, id).boundingBox(), row(phone, id).locator(".who").boundingBox()]);
  assert.ok(lowest.y + lowest.height <= box.y + box.height, "all of it is in the row");
  await browser.close(phone);
  server.cli(["resolve", String(id)]);
  await rename("Bob");
  // The way back stays whole beside a long name.
  const service = (name) => server.cli(["service", "set", "checkout", "--name", name]);
  service("Customer portal of the European shops");
  for (const path of [`/incidents/${id}`, "/services/checkout"]) {
    const narrow = await browser.window(server, "alice", path, { viewport: { width: 360, height: 740 } });
    await narrow.getByText("Customer portal of the European shops").first().waitFor();
    const way = await narrow.locator(".crumb a").first().boundingBox();
    assert.ok(way.height <= 44, `${path}: ${way.height}`);
    await browser.close(narrow);
  }
  service("Checkout");
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
