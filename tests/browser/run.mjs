// The browser dashboard, by people's stories, in a real browser before the built binary.
//   INCIDENTD_BIN=target/debug/incidentd node run.mjs [part of a story's name]
import { Browser, Server } from "./world.mjs";
import * as apart from "./apart.mjs";
import * as hands from "./hands.mjs";
import * as lost from "./lost.mjs";
import * as plans from "./plans.mjs";
import * as push from "./push.mjs";
import * as settings from "./settings.mjs";
import * as steady from "./steady.mjs";
import * as stories from "./stories.mjs";
import * as teams from "./teams.mjs";
import * as truly from "./truly.mjs";
import { a_contact_is_proved_and_tried, who_is_on_call_and_cannot_be_reached_is_told_so } from "./told.mjs";

const wanted = process.argv[2] ?? "";
const browser = await Browser.start();
let server;
let failed = 0;
try {
  server = await Server.start();
  const told = { a_contact_is_proved_and_tried, who_is_on_call_and_cannot_be_reached_is_told_so };
  for (const [name, story] of Object.entries({ ...stories, ...settings, ...teams, ...plans, ...told, ...push, ...hands, ...steady, ...truly, ...apart, ...lost })) {
    if (!name.includes(wanted)) continue;
    const began = Date.now();
    try {
      await story(browser, server);
      if (browser.faults.length) throw new Error(browser.faults.splice(0).join("\n"));
      console.log(`ok ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      browser.faults.length = 0;
      // The next story begins as if this one had ended well.
      server.cli(["resolve", "--team", "payments", "--yes"]);
      for (const context of browser.chromium.contexts()) for (const page of context.pages()) console.log(page.url(), await page.locator("body").innerText());
      console.log(`FAILED ${name}: ${error.stack}\nthe server's log ends: ${Server.last.said.slice(-6_000)}`);
    }
  }
} finally {
  await browser.end();
  await server?.end();
}
process.exit(failed ? 1 : 0);
