// Services, their rules, and the integrations by which senders reach them.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago, full } from "../clock.js";
import { all, call, problem, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { heard } from "../live.js";
import { go } from "../router.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { choice, field, head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { addressOf, HIDDEN, paste, payloads, trial } from "./senders.js";
import { rehearsal } from "./way.js";

/** @typedef {import("../types.js").State} State */

/** @type {[string, string][]} */
const URGENCIES = [["auto", "By severity: critical and error are high"], ["high", "Always high"], ["low", "Always low"]];
/** What arrives while one looks. */
heard((event) => {
  const { services, service } = state.page;
  for (const one of [...(services?.data?.[1] ?? []), ...(service?.data?.integrations ?? [])]) {
    if (event.actor.kind === "integration" && event.actor.id === one.id) one.lastReceivedAt = event.at;
  }
});

const fetchAll = () => Promise.all([all("/services"), all("/integrations")]);

/** Teams whose services I may change. @returns {[string, string][]} */
export function managed() {
  const me = state.me;
  const known = /** @type {any[]} */ (state.page.teams?.data ?? me?.teams ?? []);
  return known.filter((team) => mayManage(team.slug)).map((team) => [team.slug, team.name]);
}

/** @param {State} s */
export const page = (s) => (s.route.id ? service(s) : services(s));

/** @param {State} s */
function services(s) {
  if (s.me?.admin && !s.page.teams) {
    s.page.teams = { waits: true };
    queueMicrotask(() => reload("teams", () => all("/teams")));
  }
  const teams = managed();
  const add = submit("add", async (given) => {
    const service = await call("POST", "/services", { body: given, key: requestKey() });
    go(`/services/${service.slug}`);
  });
  const form = html`
    <form class="form narrow" @submit=${add}>
      ${choice("team", "Team", teams)}
      ${field("slug", "Short name", { required: true, key: "add", hint: "As it stands in addresses and files: checkout, nightly-backups" })}
      ${field("name", "Name", { key: "add", hint: "Left out: the short name" })}
      ${choice("urgency", "Urgency", URGENCIES, "auto")}
      ${send("add", "Add service")}
    </form>`;
  return html`
    ${head("Services", teams.length ? opener("add", "Add service") : nothing)}
    <div class="stack">
      ${opened("add", "Add service", form)}
      ${loaded("services", fetchAll, ([list, integrations]) => list.length
        ? table(list, integrations)
        : nothingYet("No service yet.", "A service is what is watched: a web shop, a database, the nightly backups.", state.me?.admin || teams.length ? html`<a class="button" href="/setup">Set one up</a>` : html`<p>A team's admin adds them.</p>`))}
    </div>`;
}

/** @param {any[]} list @param {any[]} integrations */
function table(list, integrations) {
  const of = (/** @type {any} */ service) => integrations.filter((one) => one.service.slug === service.slug);
  const last = (/** @type {any[]} */ some) => some.map((one) => one.lastReceivedAt).filter(Boolean).sort().at(-1);
  const refused = (/** @type {any[]} */ some) => some.some((one) => one.lastRejectedAt && one.lastRejectedAt > (one.lastReceivedAt ?? ""));
  return html`
    <table class="table"><thead><tr><th scope="col">Service</th><th scope="col">Team</th><th scope="col">Senders</th><th scope="col">Last alert</th></tr></thead>
      <tbody>${list.map((service) => html`<tr>
        <td><a href="/services/${service.slug}">${service.name}</a>${service.slug === service.name ? nothing : html` <span class="meta">${service.slug}</span>`}</td><td data-name="Team">${service.team.name}</td>
        <td data-name="Senders">${of(service).map((one) => one.name).join(", ") || html`<span class="muted">none yet</span>`}</td>
        <td data-name="Last alert">${ago(last(of(service)))} ${refused(of(service)) ? html`<span class="badge">Refused</span>` : nothing}</td>
      </tr>`)}</tbody></table>`;
}

/** @param {string} slug */
const fetchOne = (slug) => async () => {
  const [service, integrations] = await Promise.all([call("GET", `/services/${encodeURIComponent(slug)}`), all("/integrations", { service: slug })]);
  const policies = await all("/policies", { team: service.team.slug });
  return { service, integrations, policies };
};

/** @param {State} s */
function service(s) {
  const fetch = fetchOne(s.route.id);
  return loaded("service", fetch, ({ service, integrations, policies }) => {
    const may = mayManage(service.team.slug);
    return html`
      <div class="crumb"><a href="/services"><span aria-hidden="true">←</span>&nbsp;Services</a><a href="/teams/${service.team.slug}">${service.team.name}</a><code title="Its short name, as it stands in addresses and files">${service.slug}</code></div>
      ${head(service.name, html`<a class="button" href="/incidents?q=${encodeURIComponent(`service:${service.slug}`)}">Its incidents</a>${opener("way", "Who would be told?")}${mayTrigger(s, service) ? opener("trigger", "Open an incident") : nothing}${may ? opener("add", "Add integration") : nothing}`)}
      <div class="stack">
        ${s.page.way?.open ? opened("way", "Who would be told", rehearsal(service)) : nothing}
        ${mayTrigger(s, service) ? opened("trigger", "Open an incident", triggerForm(service)) : nothing}
        ${may ? opened("add", "Add integration", addForm(service, fetch)) : nothing}
        ${s.page.issued ? issued(s.page.issued) : nothing}
        ${integrations.length ? integrations.map((/** @type {any} */ one) => integration(s, one, may, fetch))
          : nothingYet("No sender is connected.", "An integration is an address with a key of its own; paste it into Prometheus, Alertmanager, Grafana, or a script.")}
        ${may ? rules(service, policies, fetch) : nothing}
      </div>`;
  });
}

/** @param {State} s @param {any} service */
const mayTrigger = (s, service) => s.me?.scope !== "read" && (s.me?.admin || s.me?.teams.some((team) => team.id === service.team.id && team.role !== "observer"));

/** What a person sees, and no sender does. @param {any} service */
const triggerForm = (service) => html`
  <form class="form narrow" @submit=${submit("trigger", async (given) => {
    const { incidentId } = await call("POST", "/incidents", { body: { service: service.slug, ...given }, key: requestKey() });
    go(incidentId ? `/incidents/${incidentId}` : "/");
  })}>
    ${field("title", "What is wrong", { required: true, key: "trigger", placeholder: "Customers cannot pay" })}
    ${choice("urgency", "Urgency", [["high", "High: it pages at once"], ["low", "Low"]], "high")}
    ${field("description", "More about it", { key: "trigger" })}
    ${send("trigger", "Open and page")}
  </form>`;

/** @param {any} service @param {() => Promise<any>} fetch */
const addForm = (service, fetch) => html`
  <form class="form narrow" @submit=${submit("add", async (given) => {
    const made = await call("POST", "/integrations", { body: { service: service.slug, name: given.name }, key: requestKey() });
    setPage("issued", made);
    setPage("add", { open: false });
    await reload("service", fetch);
  })}>
    ${field("name", "Name", { required: true, key: "add", hint: "Who sends: prometheus, grafana, backup-script" })}
    ${send("add", "Make the address")}
  </form>`;

/** A key that is shown this once. @param {any} made */
function issued(made) {
  return html`
    <section class="card panel secret"><h2>${made.name}: its address</h2>
      <p>It holds the key, and is shown only now. Paste it into the sender:</p>
      ${paste(made.name, made.url, made.key)}
      ${trial(made)}
      <div class="actions"><button class="plain" @click=${() => setPage("issued", null)}>I have it</button></div>
    </section>`;
}

/** @param {State} s @param {any} one @param {boolean} may @param {() => Promise<any>} fetch */
function integration(s, one, may, fetch) {
  const path = `/integrations/${one.id}`;
  const rotate = () => sure(`Make a new key for ${one.name}?`, "The old one is dead at once: until the new one is pasted, its alerts are refused.", "Make a new key", async () => {
    setPage("issued", await call("POST", `${path}/rotate`, { key: requestKey() }));
    scrollTo(0, 0);
  });
  const remove = () => sure(`Remove ${one.name}?`, "Its key is dead at once. What it sent stays.", "Remove", async () => {
    await call("DELETE", path);
    toast(`Removed ${one.name}.`);
    await reload("service", fetch);
  });
  const test = async () => {
    try {
      const { incidentId } = await call("POST", `${path}/test`, { body: {}, key: requestKey() });
      toast(incidentId ? `The test alert arrived as #${incidentId}.` : "The test alert arrived.", incidentId ? { label: "Open", run: () => go(`/incidents/${incidentId}`) } : {});
      await reload("service", fetch);
    } catch (error) {
      toast(problem(error).words, { wrong: true });
    }
  };
  const key = `name-${one.id}`;
  const rename = submit(key, async ({ name }) => {
    await call("PATCH", path, { body: { name } });
    setPage(key, { open: false });
    await reload("service", fetch);
  });
  const refused = one.lastRejectedAt && one.lastRejectedAt > (one.lastReceivedAt ?? "");
  return html`
    <section class="card panel"><h2>${one.name}</h2>
      <p>${one.lastReceivedAt ? html`Last alert <span title=${full(one.lastReceivedAt)}>${ago(one.lastReceivedAt)}</span>.` : "Nothing has arrived yet."}</p>
      ${one.lastRejectedAt ? html`<p class=${refused ? "wrong" : "meta"}>Last refused ${ago(one.lastRejectedAt)}: ${one.lastRejection}</p>` : nothing}
      <details class="payload"><summary><span>Configuration to paste</span></summary>
        <p class="meta">${HIDDEN} stands for its key, which was shown when it was made.</p>${paste(one.name, addressOf(HIDDEN), HIDDEN)}</details>
      ${may ? payloads(s, one) : nothing}
      ${may ? html`<div class="actions"><button aria-label="Send a test alert from ${one.name}" @click=${test}>Send a test alert</button><button aria-label="New key for ${one.name}" @click=${rotate}>New key</button>${opener(key, "Rename", {}, one.name)}<button aria-label="Remove ${one.name}" @click=${remove}>Remove</button></div>` : nothing}
      ${may && s.page[key]?.open ? html`<form class="form narrow" @submit=${rename}>${field("name", "Name", { key, required: true, value: one.name })}${send(key, "Rename")}</form>` : nothing}
    </section>`;
}

/** @param {any} service @param {any[]} policies @param {() => Promise<any>} fetch */
function rules(service, policies, fetch) {
  /** @type {[string, string][]} */
  const ladders = [["", "The team's own: its default, else all of it"], ...policies.map((one) => /** @type {[string, string]} */ ([one.slug, one.slug]))];
  const save = submit("rules", async (given) => {
    const body = { slug: given.slug, name: given.name, urgency: given.urgency, groupBy: (given.groupBy ?? "").split(/[\s,]+/).filter(Boolean), ackTimeout: given.ackTimeout ?? "0", reopenWithin: given.reopenWithin ?? "0", escalationPolicy: given.escalationPolicy ?? null };
    await call("PATCH", `/services/${service.slug}`, { body });
    toast("Saved.");
    if (given.slug !== service.slug) return go(`/services/${given.slug}`, { replace: true, stay: true });
    await reload("service", fetch);
  });
  const archive = () => sure(`Archive ${service.name}?`, "Its keys are dead at once; its history stays.", "Archive", async () => {
    await call("DELETE", `/services/${service.slug}`);
    go("/services");
  });
  return html`
    <section class="card panel"><h2>Rules</h2>
      <form class="form" @submit=${save}><div class="two">
        ${field("name", "Name", { value: service.name, required: true, key: "rules" })}
        ${field("slug", "Short name", { value: service.slug, required: true, key: "rules", hint: "As it stands in addresses and files: those that have the old one must be changed, too" })}
        ${choice("urgency", "Urgency", URGENCIES, service.urgency)}
        ${choice("escalationPolicy", "Who is told", ladders, service.escalationPolicy?.slug ?? "", "An escalation policy; they are made on its team's page")}
        ${field("groupBy", "Group alerts by labels", { value: service.groupBy.join(", "), key: "rules", hint: "Of what Prometheus sends; Alertmanager and Grafana group by themselves" })}
        ${field("ackTimeout", "Ask again after", { value: service.ackTimeout, key: "rules", hint: "An acknowledged incident counts as unanswered after this; 0: never" })}
        ${field("reopenWithin", "Reopen within", { value: service.reopenWithin, key: "rules", hint: "An alert this soon after its end reopens the incident; 0: never" })}
      </div>${send("rules", "Save")}</form>
      <div class="actions"><button @click=${archive}>Archive this service</button></div>
    </section>`;
}
