// Shifts in other calendars: secret addresses of a schedule or of one's own turns, each shown once.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago } from "../clock.js";
import { all, call, requestKey } from "../http.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { named } from "../words.js";
import { copyable, loaded, reload, send, submit, sure } from "./parts.js";
import { reachable } from "./senders.js";

const fetch = () => all("/feeds");

/** @param {string | null} schedule null: my own shifts, in all of them */
export function feeds(schedule) {
  const key = `feed-${schedule ?? ""}`;
  const { open, made } = state.page[key] ?? {};
  const make = submit(key, async () => {
    const made = await call("POST", "/feeds", { body: schedule ? { schedule } : {}, key: requestKey() });
    setPage(key, { ...state.page[key], made });
    await reload("feeds", fetch);
  });
  return html`
    <details class="payload" @toggle=${(/** @type {any} */ event) => event.target.open !== Boolean(open) && setPage(key, { ...state.page[key], open: event.target.open })}>
      <summary><span>${schedule ? "In your calendar" : "My shifts in a calendar"}</span></summary>
      <p class="meta">A calendar program that is given the address shows ${schedule ? "who is on call" : "when you are on call"}, and keeps up. Whoever has the address can read it.</p>
      ${open ? html`${loaded("feeds", fetch, (/** @type {any[]} */ list) => list.filter((one) => (schedule ? one.schedule === schedule : !one.schedule && one.madeBy.username === state.me?.user?.username)).map(feed))}
      ${made ? html`<p><strong>It is shown only now:</strong></p>${copyable(reachable(made.url), "the calendar's address")}` : nothing}
      <form @submit=${make}>${send(key, made ? "Make another address" : "Make an address")}</form>` : nothing}
    </details>`;
}

/** @param {any} one */
function feed(one) {
  const end = () => sure("End this address?", "Calendars that read it hear nothing any more.", "End it", async () => {
    await call("DELETE", `/feeds/${one.id}`);
    toast("Ended.");
    await reload("feeds", fetch);
  });
  return html`<div class="page-head session"><p class="grow">Made by ${named(one.madeBy)} ${ago(one.createdAt)}, ${one.lastUsedAt ? `last read ${ago(one.lastUsedAt)}` : "never read"}</p>
    <button aria-label="End address ${one.id}" @click=${end}>End</button></div>`;
}
