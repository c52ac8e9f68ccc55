// Signs of life that a team expects: which beat, which are late or missing, and how a job sends them.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { ago, full, left, until } from "../clock.js";
import { all, call, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { heard } from "../live.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { choice, copyable, field, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { reachable } from "./senders.js";
import { matchers } from "./silence.js";
import { long, past, secs, top } from "./team.js";

/** A beat that comes in time makes no event. */
const EVERY = 15_000;

/** @param {string} slug */
const fetchOf = (slug) => async () => {
  const [team, heartbeats, services] = await Promise.all([
    call("GET", `/teams/${encodeURIComponent(slug)}`), all("/heartbeats", { team: slug }), all("/services", { team: slug }),
  ]);
  return { team, heartbeats, services };
};
const again = () => reload("heartbeats", fetchOf(state.route.id));

/** One that goes missing, fails or is back does, by its incident. */
heard((event) => {
  if (state.route.name === "teams/heartbeats" && event.incident.team.slug === state.page.heartbeats?.data?.team.slug) again();
});

/** @param {import("../types.js").State} s */
export const page = (s) => loaded("heartbeats", fetchOf(s.route.id), ({ team, heartbeats, services }) => {
  const may = mayManage(team.slug);
  const none = "A heartbeat is a sign of life that must come: a nightly job that calls an address when it is done. If it does not come, that is an incident.";
  return html`
    ${top(team, "heartbeats", may && services.length ? opener("add", "Add heartbeat") : nothing)}
    <div class="stack">
      ${may && services.length ? opened("add", "Add heartbeat", addForm(services)) : nothing}
      ${s.page.issued ? issued(s.page.issued) : nothing}
      ${heartbeats.length ? repeat([...heartbeats].sort(byNeed), (one) => one.id, (one) => heartbeat(s, one, may))
        : nothingYet("No heartbeat yet.", none, services.length ? may ? nothing : html`<p class="muted">A team's admin adds them.</p>` : html`<p>It belongs to a service, and this team has none yet.</p><a class="button" href="/services">Services</a>`)}
    </div>`;
}, EVERY);

const NEED = ["missing", "failed", "late", "beating", "waiting"];
/** The server's word, or that it is overdue and still within its grace. @param {any} one */
const pulse = (one) => (one.status === "beating" && one.lastAt && past(Date.parse(one.lastAt) + secs(one.every) * 1_000) ? "late" : one.status);
/** @param {any} a @param {any} b */
const byNeed = (a, b) => NEED.indexOf(pulse(a)) - NEED.indexOf(pulse(b)) || a.slug.localeCompare(b.slug);

/** Badge, and the sentence beside it. @param {any} one @returns {[string, string, string]} */
function standing(one) {
  // Red only while nobody has answered.
  const red = state.incidents.get(one.incidentId)?.status === "acknowledged" ? "ack" : "fire";
  switch (pulse(one)) {
    case "missing": return [red, "Missing", `since ${until(one.missingAt)}. Last heard ${ago(one.lastAt)}.`];
    case "failed": return [red, "Failed", `since ${until(one.failedAt)}. Last heard ${ago(one.lastAt)}.`];
    case "late": return ["ack", "Late", `Last heard ${ago(one.lastAt)}.${one.dueAt ? ` Missing in ${left(one.dueAt)}.` : ""}`];
    case "beating": return ["calm", "Alive", `Last heard ${ago(one.lastAt)}.`];
    default: return ["quiet", "Waiting", "It has never beaten; until it does, nothing is missing."];
  }
}

/** Prometheus's Watchdog must keep firing. @param {string} key @param {string[]} [alert] */
const fed = (key, alert = []) => field("alert", "Alerts that are such signs", { key, value: alert.join(" "), placeholder: "alertname=Watchdog", hint: "Those of the service that match beat, and open no incident; left out: only the address beats" });

/** @param {any[]} services */
const addForm = (services) => html`
  <form class="form" @submit=${submit("add", async (given) => {
    setPage("issued", await call("POST", "/heartbeats", { body: { ...given, alert: matchers(given.alert) }, key: requestKey() }));
    setPage("add", { open: false });
    await again();
  })}><div class="two">
    ${choice("service", "Service", services.map((one) => /** @type {[string, string]} */ ([one.slug, one.name])), "", "Its incidents are those of this service")}
    ${field("slug", "Short name", { key: "add", required: true, placeholder: "nightly-backup" })}
    ${field("every", "It beats every", { key: "add", required: true, value: "24h", hint: "90s, 5m, 24h, 7d" })}
    ${field("grace", "It may be late by", { key: "add", placeholder: "1h", hint: "Left out: a tenth of that, at least a minute" })}
    ${fed("add")}
  </div>${send("add", "Make its address")}</form>`;

/** What a job is given; its key is shown this once. @param {any} made */
function issued(made) {
  const url = reachable(made.url);
  const server = url.slice(0, url.lastIndexOf("/heartbeat/"));
  return html`
    <section class="card panel secret"><h2>${made.slug}: its address</h2>
      <p>It holds the key, and is shown only now. The job calls it when it is done; with <code>/fail</code> behind it, it says that it failed.</p>
      ${copyable(url, "the address")}
      <p>In a crontab, with curl:</p>
      ${copyable(`0 3 * * * /usr/local/bin/${made.slug} && curl -fsS -m 10 --retry 5 -o /dev/null ${url}`, "the line with curl")}
      <p>Or wrapped: it beats if the job succeeds, and says why if it fails.</p>
      ${copyable(`INCIDENTD_HEARTBEAT_KEY=${made.key}\n0 3 * * * incidentd heartbeat wrap --url ${server} -- /usr/local/bin/${made.slug}`, "the wrapped line")}
      <div class="actions"><button class="plain" @click=${() => setPage("issued", null)}>I have it</button></div>
    </section>`;
}

/** @param {import("../types.js").State} s @param {any} one @param {boolean} may */
function heartbeat(s, one, may) {
  const path = `/heartbeats/${encodeURIComponent(one.slug)}`;
  const key = `change-${one.id}`;
  const [kind, word, text] = standing(one);
  const rotate = () => sure(`Make a new key for ${one.slug}?`, "The old one is dead at once: until the job has the new one, it is not heard.", "Make a new key", async () => {
    setPage("issued", await call("POST", `${path}/rotate`, { key: requestKey() }));
    scrollTo(0, 0);
  });
  const remove = () => sure(`Remove ${one.slug}?`, "Its key is dead at once, nothing is missing any more, and its incident is resolved.", "Remove", async () => {
    await call("DELETE", path);
    toast(`Removed ${one.slug}.`);
    await again();
  });
  const save = submit(key, async (given) => {
    await call("PATCH", path, { body: { slug: given.slug, every: given.every, grace: given.grace, alert: matchers(given.alert) } });
    setPage(key, { open: false });
    toast("Saved.");
    await again();
  });
  return html`
    <section class="card panel"><h2>${one.slug}</h2>
      <p><span class="badge ${kind}">${word}</span> <span title=${one.lastAt ? full(one.lastAt) : nothing}>${text}</span>
        ${one.incidentId ? html` <a href="/incidents/${one.incidentId}">#${one.incidentId}</a>` : nothing}</p>
      <p class="meta">Of <a href="/services/${one.service.slug}">${one.service.name}</a>, every ${long(secs(one.every))}, at most ${long(secs(one.grace))} late.
        ${one.alert.length ? html`Alerts with <code>${one.alert.join(" ")}</code> are such signs, too.` : nothing}</p>
      ${may ? html`<div class="actions">${opener(key, "Change", {}, one.slug)}<button aria-label="New key for ${one.slug}" @click=${rotate}>New key</button><button aria-label="Remove ${one.slug}" @click=${remove}>Remove</button></div>` : nothing}
      ${may && s.page[key]?.open ? html`<form class="form" @submit=${save}><div class="two">
        ${field("slug", "Short name", { key, required: true, value: one.slug })}
        ${field("every", "It beats every", { key, required: true, value: one.every })}
        ${field("grace", "It may be late by", { key, required: true, value: one.grace })}
        ${fed(key, one.alert)}
      </div>${send(key, "Save")}</form>` : nothing}
    </section>`;
}
