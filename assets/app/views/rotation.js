// Whose turn it is: a schedule's rotations, and what a change of them would give and take.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { now } from "../clock.js";
import { call, problem, requestKey } from "../http.js";
import { local } from "../rota.js";
import { go } from "../router.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { named } from "../words.js";
import { days, inWords } from "./hours.js";
import { send, submit } from "./parts.js";

/** @typedef {{name: string, every: string, handoff: string, participants: string[], restrict?: import("./hours.js").Window[]}} Rotation */
/** @typedef {{slug: string, team: string, timeZone: string, rotations: Rotation[]}} Plan */

/** @type {[string, string][]} */
const TURNS = [["12h", "12 hours"], ["1d", "Day"], ["1w", "Week"], ["2w", "2 weeks"], ["1mo", "Month"]];
/** Lines of a preview; what is to come after them follows from the same rule. */
const LINES = 8;

/** The next Monday at nine, by the clocks of `zone`. @param {string} zone */
function nextMonday(zone) {
  const today = local(now(), zone).slice(0, 10);
  const at = new Date(today);
  at.setUTCDate(at.getUTCDate() + ((8 - at.getUTCDay()) % 7 || 7));
  return `${at.toISOString().slice(0, 10)}T09:00`;
}

/** @param {string} zone @param {number} at @returns {Rotation} */
const fresh = (zone, at) => ({ name: at ? `rotation-${at + 1}` : "weekly", every: "1w", handoff: nextMonday(zone), participants: [] });

/** A schedule that is not there yet. @param {string} team @returns {Plan} */
export function blank(team) {
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { slug: team ? `${team}-primary` : "", team, timeZone, rotations: [fresh(timeZone, 0)] };
}

/**
 * @param {string} key where the page keeps the plan
 * @param {{slug: string, id: number} | null} one the schedule that is changed; null makes one
 * @param {any[]} members who can be on call
 * @param {[string, string][]} teams
 * @param {(lines: any[], zone: string) => unknown} preview
 * @param {() => Promise<any>} done
 */
export function editor(key, one, members, teams, preview, done) {
  const page = state.page[key];
  const plan = /** @type {Plan} */ (page.plan);
  const path = one ? `/schedules/${encodeURIComponent(one.slug)}` : "/schedules";
  const set = (/** @type {Partial<Plan>} */ more) => setPage(key, { ...state.page[key], error: null, plan: { ...state.page[key].plan, ...more } });
  const turn = (/** @type {number} */ at, /** @type {Partial<Rotation>} */ more) => set({ rotations: state.page[key].plan.rotations.map((/** @type {Rotation} */ rotation, /** @type {number} */ other) => (other === at ? { ...rotation, ...more } : rotation)) });
  const bodyOf = (/** @type {Plan} */ { slug, timeZone, rotations }) => ({ slug, timeZone, rotations });
  const body = bodyOf(plan);
  const whole = plan.rotations.every((rotation) => rotation.participants.length > 0);
  const question = JSON.stringify(body);
  if (one && whole && page.asked !== question) {
    page.asked = question;
    call("POST", `${path}/preview`, { body, key: requestKey() }).then(
      (found) => state.page[key]?.asked === question && setPage(key, { ...state.page[key], lines: found.items, holes: found.gaps.length }),
      (error) => state.page[key]?.asked === question && setPage(key, { ...state.page[key], lines: null, error: problem(error) }));
  }
  const save = submit(key, async () => {
    // As it is by now: Enter changes a field and sends at once.
    const { plan } = state.page[key];
    await call(one ? "PUT" : "POST", path, { body: one ? bodyOf(plan) : { ...bodyOf(plan), team: plan.team }, key: requestKey() });
    toast("Saved.");
    setPage(key, { open: false });
    if (one && state.route.id) go(`/on-call/${plan.slug}`);
    await done();
  });
  return html`
    <form class="form" @submit=${save}>
      <div class="two">
        ${one ? nothing : html`<div class="field"><label for="${key}-team">Team</label><select id="${key}-team" @change=${(/** @type {any} */ event) => set({ ...blank(event.target.value) })}>
          ${teams.map(([slug, name]) => html`<option value=${slug} ?selected=${slug === plan.team}>${name}</option>`)}</select></div>`}
        ${input(key, "slug", "Short name", plan.slug, (slug) => set({ slug }))}
        ${input(key, "timeZone", "Time zone", plan.timeZone, (timeZone) => set({ timeZone }), "zones")}
        <datalist id="zones">${Intl.supportedValuesOf("timeZone").map((zone) => html`<option value=${zone}></option>`)}</datalist>
      </div>
      ${plan.rotations.map((rotation, at) => html`<fieldset><legend>${plan.rotations.length > 1 ? `Rotation ${at + 1}: turns` : "Turns"}</legend><div class="two">
        <div class="field"><label for="${key}-every-${at}">Each lasts a</label><select id="${key}-every-${at}" @change=${(/** @type {any} */ event) => turn(at, { every: event.target.value })}>
          ${[...TURNS, ...(TURNS.some(([every]) => every === rotation.every) ? [] : [[rotation.every, rotation.every]])].map(([every, word]) => html`<option value=${every} ?selected=${every === rotation.every}>${word}</option>`)}</select></div>
        ${input(`${key}-${at}`, "handoff", "The first begins", rotation.handoff.slice(0, 16), (handoff) => turn(at, { handoff }), "", "datetime-local")}
        </div>
        ${hours(`${key}-${at}`, rotation.restrict ?? [], (restrict) => turn(at, { restrict }))}
        <ol class="people">${rotation.participants.map((name, place) => html`<li><span>${named(members.find((user) => user.username === name) ?? { username: name, name })}</span>
          <button type="button" class="icon plain" aria-label="Take ${name} out" @click=${() => turn(at, { participants: rotation.participants.filter((_, other) => other !== place) })}><span aria-hidden="true">✕</span></button></li>`)}</ol>
        <div class="field"><label for="${key}-add-${at}">Then comes</label><select id="${key}-add-${at}" .value=${live("")} @change=${(/** @type {any} */ event) => event.target.value && turn(at, { participants: [...rotation.participants, event.target.value] })}>
          <option value="">Add somebody…</option>${members.map((user) => html`<option value=${user.username}>${named(user)}</option>`)}</select></div>
        ${plan.rotations.length > 1 ? html`<div class="actions"><button type="button" @click=${() => set({ rotations: plan.rotations.filter((_, other) => other !== at) })}>Remove this rotation</button></div>` : nothing}
      </fieldset>`)}
      <div class="actions"><button type="button" class="plain" @click=${() => set({ rotations: [...plan.rotations, fresh(plan.timeZone, plan.rotations.length)] })}>Another rotation, on call at the same time</button></div>
      ${one && whole && page.lines ? html`${preview(page.lines.slice(0, LINES), plan.timeZone)}${page.lines.length > LINES ? html`<p class="meta">And ${page.lines.length - LINES} more in four weeks.</p>` : nothing}
        ${page.holes ? html`<p class="wrong">At some times nobody would be on call.</p>` : nothing}` : nothing}
      ${whole ? send(key, "Save turns") : html`<p class="muted">Each rotation needs somebody.</p>`}
    </form>`;
}

/** What one begins with: hours of an office. @type {import("./hours.js").Window} */
const OFFICE = { days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "17:00" };

/** Whose turn it is has it only then. @param {string} id @param {import("./hours.js").Window[]} restrict @param {(restrict: import("./hours.js").Window[]) => void} set */
function hours(id, restrict, set) {
  const change = (/** @type {number} */ at, /** @type {object} */ more) => set(restrict.map((window, other) => (other === at ? { ...window, ...more } : window)));
  // A box for times has no 24:00; the midnight at a day's end is the same.
  const time = (/** @type {number} */ at, /** @type {"from" | "to"} */ name, /** @type {string} */ label) => html`
    <div class="field"><label for="${id}-${name}-${at}">${label}</label><input id="${id}-${name}-${at}" type="time" required
      .value=${live(restrict[at][name].replace("24:", "00:"))} @change=${(/** @type {any} */ event) => event.target.value && change(at, { [name]: event.target.value })}></div>`;
  return html`
    <label class="check"><input type="checkbox" .checked=${live(restrict.length > 0)} @change=${(/** @type {any} */ event) => set(event.target.checked ? [OFFICE] : [])}> Only at certain hours</label>
    ${restrict.map((window, at) => html`
      <div class="hours">${days("On", window.days, (days) => change(at, { days }))}
        <div class="two">${time(at, "from", "From")}${time(at, "to", "Until")}</div>
        <p class="meta">${inWords(window)}${restrict.length > 1 ? html` <button type="button" class="plain" aria-label="Remove ${inWords(window)}" @click=${() => set(restrict.filter((_, other) => other !== at))}>Remove</button>` : nothing}</p>
      </div>`)}
    ${restrict.length ? html`<div class="actions"><button type="button" class="plain" @click=${() => set([...restrict, OFFICE])}>Other hours, too</button></div>` : nothing}`;
}

/** @param {string} key @param {string} name @param {string} label @param {string} value @param {(value: string) => void} set */
function input(key, name, label, value, set, list = "", type = "text") {
  const wrong = state.page[key]?.error?.of(name);
  const id = `${key}-${name}`;
  return html`
    <div class="field"><label for=${id}>${label}</label><input id=${id} name=${name} type=${type} required autocapitalize="none" spellcheck="false" maxlength="255" list=${list || nothing}
      .value=${live(value)} aria-invalid=${wrong ? "true" : nothing} aria-describedby=${wrong ? `${id}-wrong` : nothing} @input=${(/** @type {any} */ event) => type === "text" && set(event.target.value)} @change=${(/** @type {any} */ event) => set(event.target.value)}>
      ${wrong ? html`<span class="wrong" id="${id}-wrong">${label} ${wrong}</span>` : nothing}</div>`;
}
