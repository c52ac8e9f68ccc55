// People, for platform admins: adding, one-time links, disabling.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { all, call, requestKey } from "../http.js";
import { until } from "../clock.js";
import { toast } from "../say.js";
import { setPage } from "../state.js";
import { choice, copyable, field, head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";

const fetch = () => Promise.all([all("/users"), all("/teams")]);

/** @param {import("../types.js").State} s */
export function page(s) {
  if (!s.me?.admin) return nothingYet("People are managed by platform admins.", "Your own data is on your profile.", html`<a class="button" href="/profile">My profile</a>`);
  return html`
    ${head("People", opener("add", "Add somebody"))}
    <div class="stack">
      ${opened("add", "Add somebody", addForm(s))}
      ${s.page.change?.open ? opened("change", `Change ${s.page.change.one.username}`, changeForm(s.page.change.one)) : nothing}
      ${s.page.link ? html`<section class="card panel secret"><h2>A link for ${s.page.link.username}</h2>
        <p>${mailed(s.page.link.mailed)} It works once, until ${until(s.page.link.expiresAt)}, and opens a page to set a password.</p>
        ${copyable(s.page.link.url, "the link")}
        <div class="actions"><button class="plain" @click=${() => setPage("link", null)}>I have it</button></div></section>` : nothing}
      ${loaded("users", fetch, ([list]) => table(s, list))}
    </div>`;
}

/** Whether they have it. @param {{ to: string, failure?: string } | undefined} mail */
const mailed = (mail) => (!mail ? "Send it to them." : mail.failure ? `It could not be mailed to ${mail.to}: ${mail.failure} Send it to them.` : `Mailed to ${mail.to}. Should it not arrive, send it to them.`);

/** @param {string} username */
async function link(username) {
  const made = await call("POST", `/users/${encodeURIComponent(username)}/links`, { key: requestKey() });
  setPage("link", { ...made, username });
  scrollTo(0, 0);
}

/** @param {import("../types.js").State} s */
function addForm(s) {
  const known = /** @type {any[]} */ (s.page.users?.data?.[1] ?? []);
  return html`
    <form class="form" @submit=${submit("add", async (given) => {
      const { team, role, admin, ...body } = given;
      await call("POST", "/users", { body: { ...body, admin: admin === "on", teams: team ? [{ team, role }] : [] }, key: requestKey() });
      setPage("add", { open: false });
      await link(given.username);
      await reload("users", fetch);
    })}><div class="two">
      ${field("username", "Username", { required: true, key: "add" })}
      ${field("name", "Name", { key: "add" })}
      ${field("email", "E-mail", { type: "email", key: "add" })}
      ${choice("team", "Team", [["", "None yet"], ...known.map((team) => /** @type {[string, string]} */ ([team.slug, team.name]))])}
      ${choice("role", "Role in it", [["responder", "Responder"], ["admin", "Admin"], ["observer", "Observer"]])}
      <label class="check"><input type="checkbox" name="admin"> Platform admin</label>
    </div>${send("add", "Add, and make a link")}</form>`;
}

/** @param {any} one */
const changeForm = (one) => html`
  <form class="form" @submit=${submit("change", async (given) => {
    const email = given.email ?? null;
    // An address that stays is proved already.
    await call("PATCH", `/users/${encodeURIComponent(one.username)}`, { body: { name: given.name ?? "", ...(email === one.email ? {} : { email }) } });
    toast("Saved.");
    setPage("change", { open: false });
    await reload("users", fetch);
  })}><div class="two">
    ${field("name", "Name", { required: true, value: one.name, key: "change" })}
    ${field("email", "E-mail", { type: "email", value: one.email ?? "", key: "change" })}
  </div><div class="actions">${send("change", "Save")}<button type="button" @click=${() => setPage("change", { open: false })}>Close</button></div></form>`;

/** @param {import("../types.js").State} s @param {any[]} list */
function table(s, list) {
  const path = (/** @type {any} */ one) => `/users/${encodeURIComponent(one.username)}`;
  const then = (/** @type {() => Promise<any>} */ what, /** @type {string} */ words) => async () => {
    await what();
    if (words) toast(words);
    await reload("users", fetch);
  };
  const disable = (/** @type {any} */ one) => sure(`Disable ${one.name}?`, "Sessions and tokens end at once; open pages close. History stays, and you can let them in again.", "Disable", then(() => call("DELETE", path(one)), `${one.name} is disabled.`));
  const enable = (/** @type {any} */ one) => sure(`Let ${one.name} in again?`, "They log in with their old password, or by a new link.", "Enable", then(() => call("POST", `${path(one)}/enable`, { key: requestKey() }), ""));
  const admin = (/** @type {any} */ one) => sure(one.admin ? `Make ${one.name} an ordinary person?` : `Make ${one.name} a platform admin?`, "Platform admins see and change everything.", one.admin ? "Take it away" : "Make admin", then(() => call("PATCH", path(one), { body: { admin: !one.admin } }), ""));
  const renew = (/** @type {any} */ one) => sure(`A new link for ${one.name}?`, "It lets them set a password; an older link stops working.", "Make a link", () => link(one.username));
  return html`
    <table class="table"><thead><tr><th scope="col">Name</th><th scope="col">Username</th><th scope="col">E-mail</th><th scope="col">Is</th><th scope="col"><span class="hidden-text">Act</span></th></tr></thead>
      <tbody>${list.map((one) => html`<tr>
        <td><strong>${one.name}</strong></td><td data-name="Username">${one.username}</td><td data-name="E-mail">${one.email ?? ""}</td>
        <td>${one.disabled ? html`<span class="badge quiet">Disabled</span>` : one.admin ? html`<span class="badge">Platform admin</span>` : nothing}</td>
        <td class="end">${one.username === s.me?.user?.username ? html`<a href="/profile">you</a>` : html`
          <details class="menu"><summary class="button" aria-label="Act on ${one.name}"><span aria-hidden="true">…</span></summary><div class="menu-items">
            ${one.disabled ? html`<button @click=${() => enable(one)}>Let in again</button>` : html`
              <button @click=${() => { setPage("change", { open: true, one }); scrollTo(0, 0); }}>Change name or e-mail</button>
              <button @click=${() => renew(one)}>New one-time link</button>
              <button @click=${() => admin(one)}>${one.admin ? "No platform admin any more" : "Make platform admin"}</button>
              <button @click=${() => disable(one)}>Disable</button>`}
          </div></details>`}</td></tr>`)}</tbody></table>`;
}
