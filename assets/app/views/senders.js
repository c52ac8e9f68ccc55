// Connecting a sender: configuration to paste, a test alert and its arrival, what was received last.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago, full } from "../clock.js";
import { call, problem } from "../http.js";
import { heard } from "../live.js";
import { setPage, state } from "../state.js";
import { copyable } from "./parts.js";

/** What stands for the key where it is not known any more. */
export const HIDDEN = "KEY";

/** @param {string} key */
export const addressOf = (key) => `${location.origin}/integrations/${key}`;

/** A server that nobody gave a name calls itself by an address which only its own machine knows:
 * others reach it as this page was reached. @param {string} url */
export function reachable(url) {
  const { hostname, pathname } = new URL(url);
  return /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname) ? location.origin + pathname : url;
}

/** @type {Record<string, (url: string, key: string) => string>} */
const SOURCES = {
  curl: (url) => `curl -d 'disk full on db-3' ${url}/generic`,
  Prometheus: (url, key) => {
    const at = new URL(url);
    const prefix = at.pathname.slice(0, at.pathname.lastIndexOf("/integrations/"));
    return `# prometheus.yml\nalerting:\n  alertmanagers:\n    - scheme: ${at.protocol.slice(0, -1)}\n      path_prefix: ${prefix}/integrations/${key}\n      static_configs: [{ targets: ["${at.host}"] }]`;
  },
  Alertmanager: (url) =>
    `# alertmanager.yml\nroute:\n  receiver: incidentd\nreceivers:\n  - name: incidentd\n    webhook_configs:\n      - url: ${url}/alertmanager\n        send_resolved: true`,
  Grafana: (url) => `# Alerting, Contact points, Add: type Webhook, method POST, URL:\n${url}/grafana`,
  JSON: (url) =>
    `curl -H 'Content-Type: application/json' ${url}/generic -d '{\n  "title": "Disk full on db-3",\n  "dedupKey": "disk-db-3",\n  "severity": "critical",\n  "labels": { "instance": "db-3" }\n}'\n# When it is over: the same dedupKey and "status": "resolved".`,
  PagerDuty: (url, key) => `# Events API v2: POST ${new URL(url).origin}/v2/enqueue\nrouting_key: ${key}`,
};

/** @param {string} name of an integration */
const fitting = (name) => Object.keys(SOURCES).find((source) => name.toLowerCase().includes(source.toLowerCase())) ?? "curl";

/** @param {string} name @param {string} url @param {string} key */
export function paste(name, url, key) {
  const chosen = state.page.source ?? fitting(name);
  return html`
    <div class="tabs" role="group" aria-label="Sender">
      ${Object.keys(SOURCES).map((source) => html`<button type="button" aria-pressed=${source === chosen ? "true" : "false"} @click=${() => setPage("source", source)}>${source}</button>`)}
    </div>
    ${copyable(SOURCES[chosen](reachable(url), key), `the ${chosen} configuration`)}`;
}

/** The integration that is waited for. @type {any} */
let watched = null;
/** @type {number | undefined} */
let looking;

heard((event) => {
  if (!watched || event.actor.kind !== "integration" || event.actor.id !== watched.id) return;
  setPage("came", { id: event.incidentId, title: event.incident.title, at: event.at });
});

/** Refusals make no event: they are looked for. */
async function look() {
  if (!watched || !state.page.came?.waits) return;
  try {
    const one = await call("GET", `/integrations/${watched.id}`);
    if (one.lastRejectedAt && one.lastRejectedAt !== watched.lastRejectedAt && state.page.came?.waits) {
      setPage("came", { waits: true, refused: one.lastRejection, at: one.lastRejectedAt });
    }
  } catch {
    // The next look may have more luck.
  }
}

/** @param {any} made an integration with its key */
export function trial(made) {
  if (watched?.id !== made.id) {
    watched = made;
    queueMicrotask(() => setPage("came", { waits: true }));
    clearInterval(looking);
    looking = setInterval(look, 3_000);
  }
  const came = state.page.came ?? { waits: true };
  const send = async () => {
    setPage("came", { waits: true, sent: true });
    try {
      const response = await fetch(`/integrations/${made.key}/generic`, {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ title: `Test alert from ${made.name}`, dedupKey: `test-${made.id}`, severity: "warning", description: "Sent by the button in the browser. Acknowledge it, resolve it: it is there to try." }),
      });
      const answer = await response.json().catch(() => ({}));
      if (!response.ok) setPage("came", { waits: true, refused: answer.detail ?? `The server answered ${response.status}.` });
      else if (!answer.new && answer.incidentId) setPage("came", { id: answer.incidentId, title: `Test alert from ${made.name}`, at: null });
    } catch {
      setPage("came", { waits: true, refused: "No answer from the server." });
    }
  };
  return html`
    <div class="waiting ${came.id ? "came" : came.refused ? "refused" : ""}" role="status">
      ${came.id ? html`<p><strong>It arrived.</strong> <a href="/incidents/${came.id}">#${came.id} ${came.title}</a> ${came.at ? html`<span class="muted">${ago(came.at)}</span>` : nothing}</p>`
        : came.refused ? html`<p><strong>A request came and was refused.</strong> ${came.refused}</p>`
        : html`<p class="muted">${came.sent ? "Sent; waiting for it to arrive…" : "Waiting for the first alert…"}</p>`}
    </div>
    <div class="actions"><button type="button" @click=${send}>Send a test alert</button></div>`;
}

/** @param {import("../types.js").State} s @param {any} one an integration */
export function payloads(s, one) {
  const key = `payloads-${one.id}`;
  const known = s.page[key];
  const load = async (/** @type {any} */ event) => {
    if (!event.target.open) return;
    try {
      setPage(key, (await call("GET", `/integrations/${one.id}/payloads`)).items);
    } catch (error) {
      setPage(key, problem(error));
    }
  };
  return html`
    <details class="payload" @toggle=${load}><summary><span>The last requests received</span></summary>
      ${known === undefined ? nothing : !Array.isArray(known) ? html`<p class="wrong">${known.words}</p>`
        : known.length ? known.map(request) : html`<p class="muted">None yet.</p>`}
    </details>`;
}

/** @param {{at: string, source: string, body: string, error: string | null}} one */
function request(one) {
  const wrong = one.error;
  return html`
    <div class="request">
      <p class="meta"><span class="badge ${wrong ? "" : "quiet"}">${wrong ? "Refused" : "Accepted"}</span>
        <span title=${full(one.at)}>${ago(one.at)}</span> ${one.source} ${wrong ? html`<strong>${wrong}</strong>` : nothing}</p>
      <pre class="wrap" tabindex="0">${pretty(one.body)}</pre>
    </div>`;
}

/** @param {unknown} body */
function pretty(body) {
  try {
    return JSON.stringify(typeof body === "string" ? JSON.parse(body) : body, null, 2);
  } catch {
    return String(body);
  }
}
