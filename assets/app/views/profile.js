// My profile: name, password, where I am logged in, how this browser behaves.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { notificationsAre, setNotifications, setSound, soundIs } from "../alarm.js";
import { ago, full } from "../clock.js";
import { all, call } from "../http.js";
import { keysAreOn } from "../keys.js";
import { toast } from "../say.js";
import { remember, remembered, state } from "../state.js";
import { setTheme } from "../theme.js";
import { contacts } from "./contacts.js";
import { feeds } from "./feeds.js";
import { copyable, field, head, loaded, nothingYet, reload, send, submit, sure } from "./parts.js";

const fetch = async () => {
  const [user, sessions] = await Promise.all([call("GET", "/users/me"), all("/sessions")]);
  return { user, sessions };
};

/** @param {import("../types.js").State} s */
export function page(s) {
  if (!s.me?.user) return nothingYet("This is the host's own administrator.", "It has no profile.");
  return html`
    ${head("My profile")}
    ${loaded("profile", fetch, ({ user, sessions }) => html`<div class="pair">
      <div class="stack">
        <section class="card panel"><h2>${user.username}</h2>
          <form class="form" @submit=${submit("me", async (given) => {
            await call("PATCH", "/users/me", { body: { name: given.name ?? "", email: given.email ?? null, timeZone: given.timeZone ?? null } });
            state.me = await call("GET", "/me");
            toast("Saved.");
            await reload("profile", fetch);
          })}>
            ${field("name", "Name", { value: user.name, required: true, key: "me", complete: "name" })}
            ${field("email", "E-mail", { type: "email", value: user.email ?? "", key: "me", complete: "email" })}
            ${field("timeZone", "Time zone", { value: user.timeZone ?? "", key: "me", placeholder: Intl.DateTimeFormat().resolvedOptions().timeZone, list: "zones" })}
            <datalist id="zones">${Intl.supportedValuesOf("timeZone").map((zone) => html`<option value=${zone}></option>`)}</datalist>
            ${send("me", "Save")}
          </form></section>
        <section class="card panel"><h2>Be told</h2>${contacts()}</section>
      </div>
      <div class="stack">
        <section class="card panel"><h2>On call</h2>${feeds(null)}</section>
        <section class="card panel"><h2>Password</h2>
          <form class="form" @submit=${submit("password", async (given, form) => {
            await call("PUT", "/me/password", { body: { current: given.current, password: given.password } });
            form.reset();
            toast("Password changed. Your other sessions ended.");
            await reload("profile", fetch);
          })}>
            <input type="text" name="username" class="hidden-text" autocomplete="username" tabindex="-1" aria-hidden="true" .value=${user.username}>
            ${field("current", "The one you have", { type: "password", required: true, key: "password", complete: "current-password" })}
            ${field("password", "A new one", { type: "password", required: true, key: "password", complete: "new-password", hint: "A few words that belong to no sentence are good" })}
            ${send("password", "Change password")}
          </form></section>
        ${sessionList(sessions)}
        ${browser()}
        <section class="card panel"><h2>From a shell</h2>${copyable(`incidentd login ${location.origin} --username ${user.username}`, "the line for a shell")}</section>
      </div></div>`)}`;
}

/** @param {any[]} sessions */
function sessionList(sessions) {
  const end = (/** @type {any} */ one) => sure("End this session?", `${one.client || "A program"} at ${one.address} is logged out at once.`, "End it", async () => {
    await call("DELETE", `/sessions/${one.id}`);
    await reload("profile", fetch);
  });
  const others = () => sure("End all other sessions?", "Every other browser and program of yours is logged out at once.", "End them", async () => {
    const { ended } = await call("DELETE", "/sessions");
    toast(`${ended} ended.`);
    await reload("profile", fetch);
  });
  return html`
    <section class="card panel"><h2>Where I am logged in</h2>
      <ul class="alerts-list">${sessions.map((one) => html`<li>
        <div class="page-head session"><div class="grow"><strong>${short(one.client)}</strong> ${one.current ? html`<span class="badge calm">This one</span>` : nothing}
          <p class="meta">${one.address}, used ${ago(one.lastUsedAt)}, since <span title=${full(one.createdAt)}>${ago(one.createdAt)}</span></p></div>
        ${one.current ? nothing : html`<button @click=${() => end(one)}>End</button>`}</div></li>`)}</ul>
      ${sessions.length > 1 ? html`<div class="actions"><button @click=${others}>End all others</button></div>` : nothing}
    </section>`;
}

/** A browser's long name in short. @param {string} client */
function short(client) {
  const name = /(Firefox|Edg|OPR|Chrome|Safari|incidentd|curl)\/?([\d.]*)/.exec(client ?? "");
  const on = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(client ?? "");
  if (!name) return client || "A program";
  const known = { Edg: "Edge", OPR: "Opera" }[name[1]] ?? name[1];
  return on ? `${known} on ${on[1].replace("Mac OS X", "a Mac")}` : known;
}

function browser() {
  const notifies = notificationsAre();
  const theme = remembered("theme");
  return html`
    <section class="card panel"><h2>This browser</h2>
      <label class="check"><input type="checkbox" .checked=${live(keysAreOn())} @change=${(/** @type {any} */ event) => remember("keys", event.target.checked ? "on" : "off")}> Single keys act (a, r, s…; ? shows all)</label>
      <label class="check"><input type="checkbox" .checked=${live(soundIs())} @change=${(/** @type {any} */ event) => setSound(event.target.checked)}> A sound when something new fires, louder for high urgency</label>
      ${notifies.why ? html`<p class="meta">${notifies.why}</p>`
        : html`<label class="check"><input type="checkbox" .checked=${live(notifies.on)} @change=${(/** @type {any} */ event) => setNotifications(event.target.checked)}> Notifications while this page is in the background</label>`}
      ${"serviceWorker" in navigator ? nothing : html`<p class="meta">Installing it as an app needs https: this page came over plain http.</p>`}
      <div class="field"><label for="theme">Colours</label><select id="theme" @change=${(/** @type {any} */ event) => setTheme(event.target.value)}>
        ${[["", "As this device"], ["light", "Light"], ["dark", "Dark"]].map(([key, word]) => html`<option value=${key} ?selected=${theme === key}>${word}</option>`)}</select></div>
    </section>`;
}
