// What an integration was sent last, accepted or refused, as it came.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago, full } from "../clock.js";
import { call, problem } from "../http.js";
import { setPage } from "../state.js";

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
