// Teams, and who belongs to them.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { all, call, problem, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { resubscribe } from "../live.js";
import { go } from "../router.js";
import { toast } from "../say.js";
import { changed, state } from "../state.js";
import { choice, field, head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { top } from "./team.js";

/** @typedef {import("../types.js").State} State */

/** @type {[string, string][]} */
const ROLES = [["responder", "Responder: answers, is paged"], ["admin", "Admin: also changes the team"], ["observer", "Observer: looks"]];

/** What I may see may have changed. */
export async function again() {
  state.me = await call("GET", "/me");
  resubscribe();
  changed();
}

/** @param {State} s */
export const page = (s) => (s.route.id ? team(s) : teams(s));

/** @param {State} s */
function teams(s) {
  const add = submit("add", async (given) => {
    const team = await call("POST", "/teams", { body: given, key: requestKey() });
    go(`/teams/${team.slug}`);
  });
  const form = html`<form class="form narrow" @submit=${add}>
    ${field("slug", "Short name", { required: true, key: "add", hint: "As it stands in addresses and files: payments" })}
    ${field("name", "Name", { key: "add", hint: "Left out: the short name" })}
    ${send("add", "Add team")}</form>`;
  const mine = (/** @type {string} */ slug) => s.me?.teams.find((team) => team.slug === slug)?.role;
  return html`
    ${head("Teams", s.me?.admin ? opener("add", "Add team") : nothing)}
    <div class="stack">
      ${opened("add", "Add team", form)}
      ${loaded("teams", () => all("/teams"), (list) => list.length ? html`
        <table class="table"><thead><tr><th scope="col">Team</th><th scope="col">I am</th></tr></thead>
          <tbody>${list.map((/** @type {any} */ team) => html`<tr><td><a href="/teams/${team.slug}">${team.name}</a></td>
            <td data-name="I am">${mine(team.slug) ?? html`<span class="muted">no member</span>`}</td></tr>`)}</tbody></table>`
        : nothingYet("You belong to no team yet.", s.me?.admin ? "Add one: incidents, services and people belong to teams." : "Ask a team's admin to add you."))}
    </div>`;
}

/** @param {State} s */
function team(s) {
  const slug = s.route.id;
  const path = `/teams/${encodeURIComponent(slug)}`;
  const fetch = async () => {
    const [team, members, users] = await Promise.all([call("GET", path), all(`${path}/members`), all("/users").catch(() => [])]);
    return { team, members, users };
  };
  return loaded("team", fetch, ({ team, members, users }) => {
    const may = mayManage(slug);
    const set = async (/** @type {string} */ user, /** @type {string} */ role) => {
      try {
        await call("PUT", `${path}/members/${encodeURIComponent(user)}`, { body: { role } });
        toast(`${user} is ${role} of ${team.name}.`);
        if (user === s.me?.user?.username) await again();
      } catch (error) {
        toast(problem(error).words, { wrong: true });
      }
      await reload("team", fetch);
    };
    const remove = (/** @type {any} */ one) => sure(`Remove ${one.name} from ${team.name}?`, "Open pages of theirs stop showing its incidents at once.", "Remove", async () => {
      await call("DELETE", `${path}/members/${encodeURIComponent(one.username)}`);
      await reload("team", fetch);
    });
    const archive = () => sure(`Archive ${team.name}?`, "Its history stays. A team with services cannot be archived.", "Archive", async () => {
      await call("DELETE", path);
      go("/teams");
    });
    const outside = users.filter((/** @type {any} */ user) => !user.disabled && !members.some((/** @type {any} */ one) => one.username === user.username));
    return html`
      ${top(team, "", html`<a class="button" href="/incidents?q=${encodeURIComponent(`team:${slug}`)}">Its incidents</a>`)}
      <div class="stack">
        ${members.length ? html`<table class="table"><thead><tr><th scope="col">Name</th><th scope="col">Username</th><th scope="col">Role</th><th scope="col"><span class="hidden-text">Act</span></th></tr></thead>
          <tbody>${members.map((/** @type {any} */ one) => html`<tr><td><strong>${one.name}</strong></td><td data-name="Username">${one.username}</td>
            <td>${may ? html`<select aria-label="Role of ${one.name}" @change=${(/** @type {any} */ event) => set(one.username, event.target.value)}>
              ${ROLES.map(([role, word]) => html`<option value=${role} ?selected=${role === one.role}>${word}</option>`)}</select>` : one.role}</td>
            <td class="end">${may ? html`<button aria-label="Remove ${one.name}" @click=${() => remove(one)}>Remove</button>` : nothing}</td></tr>`)}</tbody></table>`
        : nothingYet("Nobody belongs to this team.", "Its incidents reach nobody.")}
        ${may ? html`<section class="card panel"><h2>Add somebody</h2>
          <form class="form" @submit=${submit("member", async (given, form) => {
            await call("PUT", `${path}/members/${encodeURIComponent(given.user)}`, { body: { role: given.role } });
            if (given.user === s.me?.user?.username) await again();
            form.reset();
            await reload("team", fetch);
          })}><div class="two">
            ${field("user", "Username", { required: true, key: "member", list: "people" })}
            <datalist id="people">${outside.map((/** @type {any} */ user) => html`<option value=${user.username}>${user.name}</option>`)}</datalist>
            ${choice("role", "Role", ROLES, "responder")}
          </div>${send("member", "Add")}</form></section>` : nothing}
        ${may ? html`<section class="card panel"><h2>Its name</h2>
          <form class="form narrow" @submit=${submit("rename", async ({ name }) => {
            await call("PATCH", path, { body: { name } });
            toast("Saved.");
            await Promise.all([reload("team", fetch), again()]);
          })}>${field("name", "Name", { required: true, key: "rename", value: team.name, hint: `In addresses and files it stays ${team.slug}` })}${send("rename", "Save")}</form></section>` : nothing}
        ${s.me?.admin ? html`<div class="actions"><button @click=${archive}>Archive this team</button></div>` : nothing}
      </div>`;
  });
}
