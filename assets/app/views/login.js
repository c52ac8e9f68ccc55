// The login form, in place of the page that one came for; and what is said when nobody answers.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { logIn, whoAmI } from "../session.js";

/** @typedef {import("../types.js").State} State */

/** @param {State} s */
export function login(s) {
  const { busy, error } = s.page.login ?? {};
  const before = s.me?.user;
  return html`
    <main id="main" class="door" tabindex="-1"><div class="card">
      <h1>incidentd</h1>
      <p class="muted">${before ? "Your session ended. Log in, and you are back where you were." : s.route.name === "incident" ? `Log in to open incident #${s.route.id}.` : "Log in to see incidents."}</p>
      <form class="form" @submit=${logIn}>
        <div class="field"><label for="username">Username</label>
          <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="255" .value=${before?.username ?? ""}></div>
        <div class="field"><label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"></div>
        ${error ? html`<p class="wrong" role="alert">${error.words}</p>` : nothing}
        <button class="primary" aria-disabled=${busy ? "true" : nothing}>${busy ? "…" : "Log in"}</button>
        <p class="meta">Forgotten? On the host: <code>incidentd user set-password NAME</code></p>
      </form>
    </div></main>`;
}

/** @param {State} s */
export function unreachable(s) {
  return html`
    <main id="main" class="door" tabindex="-1"><div class="card">
      <h1>incidentd</h1>
      <p role="alert"><strong>${navigator.onLine ? "The server does not answer." : "You are offline."}</strong></p>
      <p class="muted">Nothing is shown, because nothing is known. This page looks again every few seconds. ${s.page.reach?.hint ?? ""}</p>
      <div class="form"><button @click=${whoAmI}>Try now</button></div>
    </div></main>`;
}
