// API tokens: for scripts and other programs; each shown once.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago, until } from "../clock.js";
import { all, call, requestKey } from "../http.js";
import { toast } from "../say.js";
import { setPage } from "../state.js";
import { choice, copyable, field, head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";

const fetch = () => all("/tokens");

/** @param {import("../types.js").State} s */
export function page(s) {
  const add = submit("add", async (given) => {
    const made = await call("POST", "/tokens", { body: given, key: requestKey() });
    setPage("made", made);
    setPage("add", { open: false });
    await reload("tokens", fetch);
  });
  const form = html`
    <form class="form" @submit=${add}><div class="two">
      ${field("name", "What it is for", { required: true, key: "add", placeholder: "deploy script" })}
      ${choice("scope", "It may", [["read", "Read"], ["respond", "Read and answer incidents"], ["admin", "All that I may"]], "respond")}
      ${choice("team", "Good for", [["", "All that I see"], ...(s.me?.teams ?? []).map((team) => /** @type {[string, string]} */ ([team.slug, team.name]))])}
      ${choice("expires", "Ends", [["30d", "In 30 days"], ["90d", "In 90 days"], ["365d", "In a year"], ["", "Never"]], "90d")}
    </div>${send("add", "Make token")}</form>`;
  const revoke = (/** @type {any} */ one) => sure(`Revoke ${one.name || `token ${one.id}`}?`, "Who uses it is logged out at once.", "Revoke", async () => {
    await call("DELETE", `/tokens/${one.id}`);
    toast("Revoked.");
    await reload("tokens", fetch);
  });
  return html`
    ${head("API tokens", opener("add", "Make token"))}
    <div class="stack">
      ${opened("add", "Make token", form)}
      ${s.page.made ? html`<section class="card panel secret"><h2>The token</h2><p>It is shown only now.</p>${copyable(s.page.made.token, "the token")}
        <p class="meta">For the command line:</p>${copyable(`export INCIDENTD_URL=${location.origin} INCIDENTD_TOKEN=${s.page.made.token}`, "the line for a shell")}
        <div class="actions"><button class="plain" @click=${() => setPage("made", null)}>I have it</button></div></section>` : nothing}
      ${loaded("tokens", fetch, (list) => list.length ? html`
        <table class="table"><thead><tr><th scope="col">For</th><th scope="col">Whose</th><th scope="col">May</th><th scope="col">Used</th><th scope="col">Ends</th><th scope="col"><span class="hidden-text">Act</span></th></tr></thead>
          <tbody>${list.map((/** @type {any} */ one) => html`<tr><td><strong>${one.name || "no name"}</strong></td><td data-name="Whose">${one.user}</td>
            <td data-name="May">${one.scope}${one.team ? ` in ${one.team}` : ""}</td><td data-name="Used">${ago(one.lastUsedAt)}</td>
            <td data-name="Ends">${one.expiresAt ? until(one.expiresAt) : "never"}</td>
            <td class="end"><button aria-label="Revoke ${one.name}" @click=${() => revoke(one)}>Revoke</button></td></tr>`)}</tbody></table>`
        : nothingYet("No token yet.", "A token lets a script or another program act as you, as far as you allow."))}
    </div>`;
}
