// Who is told when, until somebody answers: a team's escalation policies, as ladders.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { all, call, problem, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { setPage, state } from "../state.js";
import { toast } from "../say.js";
import { named } from "../words.js";
import { loaded, reload, sure } from "./parts.js";
import { editor } from "./ladder.js";
import { long, secs, top } from "./team.js";
import { shown } from "./way.js";

/** Turns change by themselves. */
const EVERY = 60_000;
/** From the last step of a round to the next, in seconds. */
const PAUSE = 300;

/** @param {string} slug */
const fetchOf = (slug) => async () => {
  const [team, policies, services, members, users, schedules, channels, teams, onCall] = await Promise.all([
    call("GET", `/teams/${encodeURIComponent(slug)}`), all("/policies", { team: slug }), all("/services", { team: slug }),
    all(`/teams/${encodeURIComponent(slug)}/members`), all("/users").catch(() => []), all("/schedules"), all("/channels"), all("/teams"), all("/on-call"),
  ]);
  return { team, policies, services, members, users, schedules, channels, teams, onCall };
};
const again = () => reload("policies", fetchOf(state.route.id));

/** @param {import("../types.js").State} s */
export const page = (s) => loaded("policies", fetchOf(s.route.id), (data) => {
  const { team, policies, services } = data;
  const may = mayManage(team.slug);
  const usual = `${team.slug}-default`;
  const hasUsual = policies.some((/** @type {any} */ one) => one.slug === usual);
  const open = Boolean(s.page.add?.plan);
  const begin = () => setPage("add", open ? null : { plan: { slug: hasUsual ? "" : usual, repeat: 2, lastResort: null, steps: hasUsual ? [{ after: "0s", targets: [] }] : [{ after: "0s", targets: [`team:${team.slug}`] }] } });
  const inherits = services.filter((/** @type {any} */ one) => !one.escalationPolicy);
  return html`
    ${top(team, "policies", may ? html`<button aria-expanded=${open ? "true" : "false"} @click=${begin}>${open ? "Close" : "Add policy"}</button>` : nothing)}
    <div class="stack">
      ${open ? html`<div class="card panel"><h2>Add policy</h2>${editor("add", team, null, data, again)}</div>` : nothing}
      ${hasUsual ? nothing : html`<section class="card panel"><h2>Nothing set</h2>
        <p>${inherits.length ? html`${inherits.map(serviceLink)} name${inherits.length === 1 ? "s" : ""} no policy, and there is no <code>${usual}</code>:` : html`Services that name no policy go by <code>${usual}</code>; there is none yet, and so it is`}</p>
        ${ladder({ steps: [{ after: "0s", targets: [`team:${team.slug}`] }], repeat: 2, lastResort: null }, data)}
        ${trial(s, "usual", inherits, data)}</section>`}
      ${policies.map((/** @type {any} */ one) => policy(s, one, data, may))}
    </div>`;
}, EVERY);

/** @param {any} service @param {number} at */
const serviceLink = (service, at) => html`${at ? ", " : ""}<a href="/services/${service.slug}">${service.name}</a>`;

/** @param {import("../types.js").State} s @param {any} one @param {any} data @param {boolean} may */
function policy(s, one, data, may) {
  const key = `change-${one.id}`;
  const open = Boolean(s.page[key]?.plan);
  const usual = one.slug === `${data.team.slug}-default`;
  const naming = data.services.filter((/** @type {any} */ service) => one.services.includes(service.slug));
  const users = [...naming, ...(usual ? data.services.filter((/** @type {any} */ service) => !service.escalationPolicy) : [])];
  const change = () => setPage(key, open ? null : { plan: { slug: one.slug, repeat: one.repeat, lastResort: one.lastResort, steps: one.steps } });
  const remove = () => sure(`Delete ${one.slug}?`, `${usual ? "Services that name no policy then page the whole team at once. " : ""}Incidents that climb it go on by what then holds, from their next step.`, "Delete", async () => {
    await call("DELETE", `/policies/${encodeURIComponent(one.slug)}`);
    toast(`Deleted ${one.slug}.`);
    await again();
  });
  return html`
    <section class="card panel"><div class="page-head session"><div class="grow"><h2>${one.slug}</h2></div>
        ${may ? html`<button aria-label="${open ? "Close" : "Change"} ${one.slug}" aria-expanded=${open ? "true" : "false"} @click=${change}>${open ? "Close" : "Change"}</button>` : nothing}</div>
      <p class="meta">${users.length ? html`Holds for ${users.map(serviceLink)}.` : "No service goes by it yet."}
        ${usual ? "The team's default: services that name no policy go by it." : ""}</p>
      ${open ? editor(key, data.team, one, data, again) : html`
        ${ladder(one, data)}
        ${trial(s, String(one.id), users, data)}
        ${may ? html`<div class="actions">${naming.length ? html`<span class="meta">It can be deleted once no service names it.</span>` : html`<button aria-label="Delete ${one.slug}" @click=${remove}>Delete</button>`}</div>` : nothing}`}
    </section>`;
}

/** @param {string} username @param {any} data */
const nameOf = (username, data) => named([...data.members, ...data.users].find((one) => one.username === username) ?? { username, name: "" });

/** Of one target, in words. @param {string} target @param {any} data */
function whom(target, data) {
  const [kind, name] = target.split(/:(.*)/s);
  const slug = name.replace(/\/next$/, "");
  switch (kind) {
    case "user": return html`<strong>${nameOf(name, data)}</strong>`;
    case "schedule": {
      const people = data.onCall.filter((/** @type {any} */ one) => one.schedule.slug === slug);
      const link = html`<a href="/on-call/${slug}">${slug}</a>`;
      const now = people.filter((/** @type {any} */ one) => one.user).map((/** @type {any} */ one) => named(one.user)).join(" and ");
      const next = (people.find((/** @type {any} */ one) => one.next?.length)?.next ?? []).map(named).join(" and ");
      return name === slug
        ? html`<strong>who is on call</strong> for ${link} <span class="muted">(now ${now || "nobody"})</span>`
        : html`<strong>who is next</strong> for ${link} <span class="muted">(now ${next || "nobody"})</span>`;
    }
    case "team": return html`<strong>all of ${data.teams.find((/** @type {any} */ one) => one.slug === name)?.name ?? name}</strong>`;
    case "channel": return html`channel <strong>${name}</strong>`;
    default: return html`${target}`;
  }
}

/** "at once", "after 5 min". @param {number} of seconds */
const after = (of) => (of ? `After ${long(of)}` : "At once");

/** The rungs, from the first page to the last resort. @param {any} one @param {any} data */
function ladder(one, data) {
  const list = (/** @type {string[]} */ targets) => targets.map((target, at) => html`${at ? ", " : ""}${whom(target, data)}`);
  const last = secs(one.steps.at(-1)?.after ?? "0s");
  const round = last + PAUSE;
  return html`
    <ol class="ladder">
      ${one.steps.map((/** @type {any} */ step) => html`<li><span class="when">${after(secs(step.after))}</span><span>${list(step.targets)}</span></li>`)}
      ${one.repeat ? html`<li><span class="when">After ${long(round)}</span><span>from the top, ${one.repeat === 1 ? "once more" : `${one.repeat} times more, each ${long(round)} after the one before`}</span></li>` : nothing}
      <li><span class="when">After ${long((one.repeat + 1) * round)}</span><span>as the last resort ${one.lastResort ? list(one.lastResort) : html`<strong>the team's admins, then the platform's</strong>`}; then again every hour</span></li>
    </ol>
    <p class="meta">Until somebody acknowledges. Low urgency: only the first step, once.</p>`;
}

/** Who would be told now, by services that go by it. @param {import("../types.js").State} s @param {string} id @param {any[]} services @param {any} data */
function trial(s, id, services, data) {
  if (!services.length) return nothing;
  const key = `trial-${id}`;
  const { busy, way, error } = s.page[key] ?? {};
  const ask = async (/** @type {string} */ service) => {
    setPage(key, { busy: true, way });
    try {
      setPage(key, { way: await call("POST", "/route-test", { body: { service, severity: "critical" } }) });
    } catch (wrong) {
      setPage(key, { error: problem(wrong) });
    }
  };
  return html`
    <div class="actions">${services.slice(0, 3).map((service) => html`<button ?disabled=${busy} @click=${() => ask(service.slug)}>Who would be told now${services.length > 1 ? ` of ${service.name}` : ""}?</button>`)}</div>
    ${error ? html`<p class="wrong" role="alert">${error.words}</p>` : nothing}
    <div aria-live="polite">${way ? shown(way, (username) => nameOf(username, data)) : nothing}</div>`;
}
