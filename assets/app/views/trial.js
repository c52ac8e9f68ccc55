// A test alert by a key that is known just now, and its arrival, live.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago } from "../clock.js";
import { call } from "../http.js";
import { heard } from "../live.js";
import { setPage, state } from "../state.js";

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
