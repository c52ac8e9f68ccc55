// Is everything so that somebody will be told? What `incidentd doctor` finds, for platform admins.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago } from "../clock.js";
import { call } from "../http.js";
import { many } from "../words.js";
import { coded } from "./shell.js";
import { dated, head, loaded, nothingYet, reload } from "./parts.js";

/** It tries each channel's far end. */
const fetch = () => call("GET", "/doctor", { patience: 60_000 });
/** Word and colour; red stays with what nobody has answered. @type {Record<string, [string, string]>} */
const GRAVITIES = { problem: ["Problem", "grave"], warning: ["Warning", "ack"], ok: ["Ok", "calm"] };

/** @param {import("../types.js").State} s */
export function page(s) {
  if (!s.me?.admin || s.me.scope !== "admin") return nothingYet("The server's health is shown to platform admins.", html`Whether the server is ready stands at <code>/readyz</code>.`);
  const at = s.page.health?.at;
  return html`
    ${head("Health", html`<button @click=${() => reload("health", fetch)}>Look again</button>`)}
    <div class="stack">
      ${loaded("health", fetch, ({ findings }) => {
        const of = (/** @type {string} */ gravity) => findings.filter((/** @type {any} */ one) => one.severity === gravity);
        const [problems, warnings] = [of("problem"), of("warning")];
        const verdict = problems.length ? `${many(problems.length, "problem")}: somebody may not be told.` : warnings.length ? `Somebody will be told. ${many(warnings.length, "thing")} could fail unnoticed.` : "All is well.";
        return html`
          <p aria-live="polite"><strong>${verdict}</strong> <span class="muted">Looked ${ago(new Date(at ?? Date.now()).toISOString())}.</span></p>
          ${table([...problems, ...warnings], "What needs somebody")}
          ${table(of("ok"), "What is well")}`;
      })}
    </div>`;
}

/** @param {any[]} findings @param {string} name */
const table = (findings, name) => findings.length ? html`
  <table class="table findings"><caption class="hidden-text">${name}</caption><thead><tr><th scope="col">Looked at</th><th scope="col">Found</th></tr></thead>
    <tbody>${findings.map((one) => html`<tr><td><span class="badge ${GRAVITIES[one.severity]?.[1] ?? ""}">${GRAVITIES[one.severity]?.[0] ?? one.severity}</span> <strong>${one.check}</strong></td>
      <td>${coded(dated(one.message))}${one.remedy ? html`<p class="meta">${coded(one.remedy)}</p>` : nothing}</td></tr>`)}</tbody></table>` : nothing;
