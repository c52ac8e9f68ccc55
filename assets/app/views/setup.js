// The journey from an empty server to the first incident, and the welcome of further people.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { all, call, problem, requestKey } from "../http.js";
import { whoAmI } from "../session.js";
import { setPage, state } from "../state.js";
import { contacts } from "./contacts.js";
import { again } from "./teams.js";
import { field, loaded, send, submit } from "./parts.js";
import { paste, trial } from "./senders.js";

/** @typedef {import("../types.js").State} State */

const STEPS = ["You", "A team and a service", "Connect a sender", "Be told"];
/** Behind the `#`, which no browser sends; gone from the address once it is read. */
let secret = "";
/** In this tab alone it outlives a reload, until it is used: by then it is good for nothing. */
const kept = () => `incidentd.link${location.pathname}`;

function readSecret() {
  const given = decodeURIComponent(location.hash.slice(1));
  try {
    if (given) sessionStorage.setItem(kept(), given);
    secret = given || secret || sessionStorage.getItem(kept()) || "";
  } catch {
    // Private windows may forbid it: there a reload needs the link once more.
    secret = given || secret;
  }
  if (given) history.replaceState(null, "", location.pathname);
  return secret;
}

function used() {
  secret = "";
  try {
    sessionStorage.removeItem(kept());
  } catch {
    // Nothing was kept.
  }
}

/** What the link is good for. */
const look = () => (readSecret() ? call("POST", "/links", { body: { secret }, open: true }) : Promise.resolve(null));
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {number} step @param {unknown} inside */
const card = (step, inside) => html`
  <div class="door"><div class="card">
    <p class="meta">Step ${step} of ${STEPS.length}</p>
    <ol class="steps" aria-hidden="true">${STEPS.map((_, at) => html`<li class=${at < step ? "done" : ""}></li>`)}</ol>
    <h1>${STEPS[step - 1]}</h1>${inside}
  </div></div>`;

/** @param {unknown} inside */
const door = (inside) => html`<main id="main" tabindex="-1" class="door"><div class="card">${inside}</div></main>`;

/** @param {string} why */
const useless = (why) => door(html`
  <h1>This link does not work.</h1><p>${why}</p>
  <p class="muted">On the host, this makes a new one: <code>incidentd setup-link</code>, or for a further person <code>incidentd user link NAME</code>.</p>
  <div class="form"><a class="button" href="/">Log in instead</a></div>`);

/** @param {State} s */
export const page = (s) => (s.route.name === "setup" ? setup(s) : welcome(s));

/** @param {State} s */
function setup(s) {
  readSecret();
  if (s.session === "unknown") return nothing;
  if (s.session !== "in") return you(s);
  return loaded("setup", () => Promise.all([all("/teams"), all("/services")]), ([teams, services]) =>
    s.page.sender === "done" ? told() : s.page.issued ? connect(s) : teams.length && services.length && !s.page.fresh ? further(services) : service(teams));
}

/** @param {State} s */
function you(s) {
  if (!secret) return useless("It has lost the part behind the #: open it once more as it was sent.");
  if (!s.page.link) {
    s.page.link = { waits: true };
    look().then((data) => setPage("link", { data }), (error) => setPage("link", { error: problem(error) }));
    return nothing;
  }
  if (s.page.link.waits) return nothing;
  if (s.page.link.error) return useless(s.page.link.error.words);
  return html`<main id="main" tabindex="-1">${card(1, html`
    <p class="muted">The first person here is its platform admin.</p>
    <form class="form" @submit=${submit("you", async (given) => {
      await call("POST", "/setup", { body: { secret, timeZone: zone(), ...given }, open: true });
      used();
      await whoAmI();
    })}>
      ${field("username", "Username", { required: true, key: "you", complete: "username" })}
      ${field("name", "Name", { key: "you", complete: "name" })}
      ${field("email", "E-mail", { type: "email", key: "you", complete: "email" })}
      ${field("password", "Password", { type: "password", required: true, key: "you", complete: "new-password", hint: "A few words that belong to no sentence are good" })}
      ${send("you", "Go on")}
    </form>`)}</main>`;
}

/** What people call it, as it stands in addresses. @param {string} name */
const slugOf = (name) => name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "");

/** Makes one by its name; what is wrong with its slug stands beside `field`.
 * @param {string} field @param {string} path @param {string} name @param {object} [more] */
async function make(field, path, name, more = {}) {
  try {
    await call("POST", path, { body: { slug: slugOf(name), name, ...more }, key: requestKey() });
  } catch (error) {
    const wrong = problem(error);
    for (const one of wrong.errors) one.field = field;
    throw wrong;
  }
}

/** @param {any[]} teams */
function service(teams) {
  const both = submit("make", async (given) => {
    const team = teams.find((one) => one.slug === given.team)?.slug ?? slugOf(given.team);
    if (!teams.some((one) => one.slug === team)) {
      await make("team", "/teams", given.team);
      teams.push({ slug: team });
    }
    const me = state.me?.user?.username;
    if (me) await call("PUT", `/teams/${encodeURIComponent(team)}/members/${encodeURIComponent(me)}`, { body: { role: "admin" } });
    await make("service", "/services", given.service, { team });
    await integrate(slugOf(given.service));
    await again();
  });
  return card(2, html`
    <p class="muted">A team answers incidents; a service is what is watched. Both can be renamed.</p>
    <form class="form" @submit=${both}>
      ${field("team", "Team", { required: true, key: "make", value: teams[0]?.slug ?? "", placeholder: "Operations" })}
      ${field("service", "Service", { required: true, key: "make", placeholder: "Web shop" })}
      ${send("make", "Go on")}
    </form>`);
}

/** @param {string} service */
async function integrate(service) {
  // Somebody came this far before: its key was shown once, so that this is a further one.
  const there = (await all("/integrations", { service })).map((one) => one.name);
  let name = "first";
  for (let n = 2; there.includes(name); n += 1) name = `sender-${n}`;
  const made = await call("POST", "/integrations", { body: { service, name }, key: requestKey() });
  setPage("fresh", true);
  setPage("issued", made);
}

/** Somebody comes again. @param {any[]} services */
const further = (services) => card(3, html`
  <p class="muted">Which service shall hear from a sender?</p>
  <div class="choices one form">${services.map((one) => html`<button @click=${() => integrate(one.slug).catch((error) => setPage("make", { error: problem(error) }))}>${one.name}</button>`)}</div>
  ${state.page.make?.error ? html`<p class="wrong" role="alert">${state.page.make.error.words}</p>` : nothing}
  <div class="form"><button class="plain" @click=${() => setPage("fresh", true)}>Another service</button></div>`);

/** @param {State} s */
function connect(s) {
  const made = s.page.issued;
  return card(3, html`
    <p class="muted">This address holds the key and is shown only now. Paste it into the sender, or try it from a shell:</p>
    <div class="form">
      ${paste("curl", made.url, made.key)}
      ${trial(made)}
      <div class="actions"><button class=${s.page.came?.id ? "primary" : ""} @click=${() => setPage("sender", "done")}>${s.page.came?.id ? "Go on" : "Skip"}</button></div>
    </div>`);
}

/** The last step: what rings when something is wrong. */
const told = () => card(4, html`
  <p class="muted">Where incidents reach you, and whether they do. All of it stands on your profile, too.</p>
  <div class="form">
    ${state.me?.user ? contacts(false) : nothing}
    <div class="actions"><a class="button" href="/">To the incidents</a></div>
  </div>`);

/** @param {State} s */
function welcome(s) {
  readSecret();
  if (s.session === "unknown") return nothing;
  if (!secret) return s.session === "in" ? door(html`<h1>You are in.</h1><div class="form"><a class="button" href="/">To the incidents</a><a class="button" href="/profile">Say how you are told</a></div>`) : useless("It has lost the part behind the #: open it once more as it was sent.");
  if (!s.page.link) {
    s.page.link = { waits: true };
    look().then((data) => setPage("link", { data }), (error) => setPage("link", { error: problem(error) }));
    return nothing;
  }
  if (s.page.link.waits) return nothing;
  if (s.page.link.error) return useless(s.page.link.error.words);
  const { user, timeZone, hasPassword } = s.page.link.data;
  const enter = async (/** @type {Record<string, string>} */ given) => {
    await call("POST", "/welcome", { body: { secret, timeZone: timeZone ?? zone(), ...given }, open: true });
    used();
    await whoAmI();
  };
  return door(html`
    <h1>Welcome${user ? `, ${user.name || user.username}` : ""}</h1>
    ${hasPassword ? html`
      <p class="muted">You have a password, and it may stay as it is.</p>
      <form class="form" @submit=${submit("keep", () => enter({}))}>${send("keep", `Go in as ${user?.username}`)}</form>
      <p class="muted">Or choose a new one; it ends your other sessions.</p>` : html`
      <p class="muted">Choose a password, and you are in. Your username is <strong>${user?.username}</strong>.</p>`}
    <form class="form" @submit=${submit("you", enter)}>
      <input type="hidden" autocomplete="username" .value=${user?.username ?? ""}>
      ${field("name", "Name", { value: user?.name ?? "", key: "you", complete: "name" })}
      ${field("password", "Password", { type: "password", required: true, key: "you", complete: "new-password", hint: "A few words that belong to no sentence are good" })}
      ${send("you", "Go on")}
    </form>`);
}
