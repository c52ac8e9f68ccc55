// Where a team's events go: outgoing webhooks, how far each is, and what stops it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago, full } from "../clock.js";
import { all, call, problem, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { heard } from "../live.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { many } from "../words.js";
import { copyable, field, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { top } from "./team.js";

/** Whether a far end takes them makes no event. */
const EVERY = 15_000;

/** @param {string} slug */
const fetchOf = (slug) => async () => {
  const [team, webhooks] = await Promise.all([call("GET", `/teams/${encodeURIComponent(slug)}`), all("/webhooks", { team: slug })]);
  return { team, webhooks };
};
const again = () => reload("webhooks", fetchOf(state.route.id));

/** @type {number | undefined} */
let soon;
/** What was just set going is sent in the same moment: see what became of it. */
function lookSoon() {
  clearTimeout(soon);
  soon = setTimeout(() => state.route.name === "teams/webhooks" && again(), 1_500);
}
heard((event) => {
  if (event.incident.team.slug === state.page.webhooks?.data?.team.slug) lookSoon();
});

/** @param {import("../types.js").State} s */
export const page = (s) => loaded("webhooks", fetchOf(s.route.id), ({ team, webhooks }) => {
  const may = mayManage(team.slug);
  return html`
    ${top(team, "webhooks", may ? opener("add", "Add webhook") : nothing)}
    <div class="stack">
      ${may ? opened("add", "Add webhook", addForm(team)) : nothing}
      ${s.page.issued ? issued(s.page.issued) : nothing}
      ${webhooks.length ? webhooks.map((/** @type {any} */ one) => webhook(one, may))
        : nothingYet("No webhook yet.", "A webhook is sent every event of this team's incidents, signed: for a status page, a ticket system, a script of your own.", may ? nothing : html`<p class="muted">A team's admin adds them.</p>`)}
    </div>`;
}, EVERY);

/** @param {any} team */
const addForm = (team) => html`
  <form class="form narrow" @submit=${submit("add", async (given) => {
    setPage("issued", await call("POST", "/webhooks", { body: { ...given, team: team.slug }, key: requestKey() }));
    setPage("add", { open: false });
    await again();
  })}>
    ${field("url", "URL", { key: "add", required: true, placeholder: "https://example.com/hook", hint: "Gets each event as JSON by POST, from now on" })}
    ${field("secret", "Secret", { key: "add", hint: "whsec_ and base64, to sign with; left out: made" })}
    ${send("add", "Add webhook")}
  </form>`;

/** A secret that is shown this once. @param {any} made */
const issued = (made) => html`
  <section class="card panel secret"><h2>Its secret</h2>
    <p>What is sent to <code>${made.url}</code> is signed with it, as the Standard Webhooks specification says: headers <code>webhook-id</code>, <code>webhook-timestamp</code>, <code>webhook-signature</code>. It is shown only now.</p>
    ${copyable(made.secret, "the secret")}
    <div class="actions"><button class="plain" @click=${() => setPage("issued", null)}>I have it</button></div>
  </section>`;

/** Incidents of its team whose latest change it has not taken. @param {any} one */
const behind = (one) => [...state.incidents.values()].filter((i) => i.team.id === one.team.id && i.seq > one.seq).length;

/** @param {any} one */
function standing(one) {
  if (one.disabledAt) return html`<span class="badge quiet">Disabled</span> <span class="muted" title=${full(one.disabledAt)}>${ago(one.disabledAt)}${one.failingSince ? `, as it failed since ${full(one.failingSince)}` : ""}</span>`;
  if (one.failingSince) return html`<span class="badge ack">Failing</span> <span class="muted" title=${full(one.failingSince)}>since ${ago(one.failingSince).replace(" ago", "")}; tried on and on for 72 hours, then disabled</span>`;
  return html`<span class="badge calm">Works</span>`;
}

/** @param {any} one @param {boolean} may */
function webhook(one, may) {
  const path = `/webhooks/${one.id}`;
  const then = (/** @type {() => Promise<any>} */ what, /** @type {string} */ words) => async () => {
    try {
      await what();
      if (words) toast(words);
    } catch (error) {
      toast(problem(error).words, { wrong: true });
    }
    await again();
    lookSoon();
  };
  const enable = (/** @type {boolean} */ skip) => then(() => call("POST", `${path}/enable`, { body: { skip }, key: requestKey() }), skip ? "Enabled, from now on." : "Enabled: it goes on where it stopped.");
  const disable = () => sure("Disable this webhook?", "Nothing is sent to it until it is enabled; then it gets what happened meanwhile, or begins anew.", "Disable", then(() => call("POST", `${path}/disable`, { key: requestKey() }), "Disabled."));
  const rotate = () => sure("Make a new secret?", "What is sent from now on is signed with it: the far end refuses it until it knows the new one.", "Make a new secret", async () => {
    setPage("issued", await call("POST", `${path}/rotate`, { key: requestKey() }));
    scrollTo(0, 0);
  });
  const remove = () => sure("Remove this webhook?", "It gets nothing any more, and where it stood is forgotten.", "Remove", then(() => call("DELETE", path), "Removed."));
  const missing = behind(one);
  return html`
    <section class="card panel"><h2 class="address">${one.url}</h2>
      <p>${standing(one)}</p>
      ${one.lastError ? html`<p class="wrong">${one.lastError}</p>` : nothing}
      <p class="meta">${missing ? `${many(missing, "incident")} changed since event ${one.seq}, the last that it took.` : `It has taken all, up to event ${one.seq}.`}</p>
      ${may ? html`<div class="actions">
        ${one.disabledAt ? html`<button aria-label="Go on where it stopped: ${one.url}" @click=${enable(false)}>Go on where it stopped</button><button aria-label="Begin from now: ${one.url}" @click=${enable(true)}>Begin from now</button>` : html`<button aria-label="Disable ${one.url}" @click=${disable}>Disable</button>`}
        <button aria-label="New secret for ${one.url}" @click=${rotate}>New secret</button><button aria-label="Remove ${one.url}" @click=${remove}>Remove</button></div>` : nothing}
    </section>`;
}
