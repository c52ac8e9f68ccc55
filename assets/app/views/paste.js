// Configuration to paste into a sender, for an integration's address.
import { html } from "../../vendor/lit-html/lit-html.js";
import { setPage, state } from "../state.js";
import { copyable } from "./parts.js";

/** What stands for the key where it is not known any more. */
export const HIDDEN = "KEY";

/** @param {string} key */
export const addressOf = (key) => `${location.origin}/integrations/${key}`;

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
    ${copyable(SOURCES[chosen](url, key), `the ${chosen} configuration`)}`;
}
