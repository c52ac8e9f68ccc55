// Making and changing an escalation policy: its steps, whom each tells, and what comes last.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { call, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { setPage, state } from "../state.js";
import { toast } from "../say.js";
import { named } from "../words.js";
import { send, submit } from "./parts.js";
import { secs } from "./team.js";

/** @typedef {{after: string, targets: string[]}} Step */
/** @typedef {{slug: string, repeat: number, lastResort: string[] | null, steps: Step[]}} Plan */

const MOST_ROUNDS = 10;

/**
 * @param {string} key where the page keeps the plan
 * @param {any} team
 * @param {{slug: string} | null} one the policy that is changed; null makes one
 * @param {any} data whom it may name
 * @param {() => Promise<any>} done
 */
export function editor(key, team, one, data, done) {
  const plan = /** @type {Plan} */ (state.page[key].plan);
  const set = (/** @type {(plan: Plan) => Partial<Plan>} */ more) => setPage(key, { ...state.page[key], error: null, plan: { ...state.page[key].plan, ...more(state.page[key].plan) } });
  const step = (/** @type {number} */ at, /** @type {(step: Step) => Partial<Step>} */ more) => set((plan) => ({ steps: plan.steps.map((one, other) => (other === at ? { ...one, ...more(one) } : one)) }));
  const save = submit(key, async () => {
    const { plan } = state.page[key];
    const path = one ? `/policies/${encodeURIComponent(one.slug)}` : "/policies";
    await call(one ? "PATCH" : "POST", path, { body: one ? plan : { ...plan, team: team.slug }, ...(one ? {} : { key: requestKey() }) });
    toast("Saved.");
    // `submit` says at the end that it is no longer busy; the plan is gone with this.
    setPage(key, null);
    await done();
  });
  const further = () => set((plan) => ({ steps: [...plan.steps, { after: `${Math.ceil((secs(plan.steps.at(-1)?.after ?? "0s") + 300) / 60)}m`, targets: [] }] }));
  return html`
    <form class="form" @submit=${save}>
      <div class="two">
        ${input(key, "slug", "Short name", plan.slug, (slug) => set(() => ({ slug })), `${team.slug}-default holds for services that name no policy`)}
        <div class="field"><label for="${key}-repeat">If nobody answers</label><select id="${key}-repeat" @change=${(/** @type {any} */ event) => set(() => ({ repeat: Number(event.target.value) }))}>
          ${Array.from({ length: MOST_ROUNDS + 1 }, (_, times) => html`<option value=${times} ?selected=${times === plan.repeat}>${times ? `from the top, ${times === 1 ? "once" : `${times} times`} more` : "go to the last resort"}</option>`)}</select></div>
      </div>
      ${plan.steps.map((one, at) => html`<fieldset><legend>Step ${at + 1}</legend><div class="two">
        ${input(key, `steps[${at}].after`, at ? "After" : "Begins after", one.after, (after) => step(at, () => ({ after })), at ? "From the start of the round: 5m, 1h" : "0s: at once")}
        ${picker(key, `steps[${at}].targets`, "Tells", one.targets, team, data, (change) => step(at, (one) => ({ targets: change(one.targets) })))}</div>
        ${plan.steps.length > 1 ? html`<div class="actions"><button type="button" aria-label="Remove step ${at + 1}" @click=${() => set((plan) => ({ steps: plan.steps.filter((_, other) => other !== at) }))}>Remove this step</button></div>` : nothing}
      </fieldset>`)}
      <div class="actions"><button type="button" class="plain" @click=${further}>Another step, later</button></div>
      <fieldset><legend>Last resort</legend>
        ${plan.lastResort?.length ? nothing : html`<p class="meta">Nobody named: the team's admins, then the platform's.</p>`}
        ${picker(key, "lastResort", "Tells", plan.lastResort ?? [], team, data, (change) => set((plan) => {
          const last = change(plan.lastResort ?? []);
          return { lastResort: last.length ? last : null };
        }))}
      </fieldset>
      ${send(key, one ? "Save" : "Add policy")}
    </form>`;
}

/** What is there to be told, in groups; a team's admin names his own. @param {any} team @param {any} data @returns {[string, [string, string][]][]} */
function choices(team, data) {
  const mine = (/** @type {any} */ one) => one.team.slug === team.slug || mayManage(one.team.slug);
  const people = state.me?.admin && data.users.length ? data.users.filter((/** @type {any} */ user) => !user.disabled) : data.members;
  const schedules = data.schedules.filter(mine);
  const teams = data.teams.filter((/** @type {any} */ one) => one.slug === team.slug || mayManage(one.slug));
  /** @type {[string, [string, string][]][]} */
  const groups = [
    ["Schedules", schedules.flatMap((/** @type {any} */ one) => [[`schedule:${one.slug}`, `Who is on call for ${one.slug}`], [`schedule:${one.slug}/next`, `Who is next for ${one.slug}`]])],
    ["People", people.map((/** @type {any} */ one) => [`user:${one.username}`, named(one)])],
    ["Teams", teams.map((/** @type {any} */ one) => [`team:${one.slug}`, `All of ${one.name}`])],
    ["Channels", data.channels.filter(mine).map((/** @type {any} */ one) => [`channel:${one.slug}`, `Channel ${one.slug}`])],
  ];
  return groups.filter(([, some]) => some.length);
}

/**
 * Whom a step tells. Each stands as a field of its own, so that what is wrong is said beside it.
 * @param {string} key @param {string} name @param {string} label @param {string[]} targets @param {any} team @param {any} data
 * @param {(change: (targets: string[]) => string[]) => void} set
 */
function picker(key, name, label, targets, team, data, set) {
  const groups = choices(team, data);
  const words = new Map(groups.flatMap(([, some]) => some));
  const wrong = state.page[key]?.error;
  const whole = wrong?.of(name);
  const id = `${key}-${name}`;
  const chosen = html`
    <input type="hidden" name=${name}>
    ${targets.length ? html`<ul class="people told">${targets.map((target, at) => {
      const why = wrong?.of(`${name}[${at}]`);
      const word = words.get(target) ?? target;
      return html`<li class=${why ? "wrong" : ""}><input type="hidden" name="${name}[${at}]"><span>${word}${why ? `: ${why}` : ""}</span>
        <button type="button" class="icon plain" aria-label="Take ${word} out" @click=${() => set((some) => some.filter((_, other) => other !== at))}><span aria-hidden="true">✕</span></button></li>`;
    })}</ul>` : nothing}`;
  return html`
    <div class="field"><label for=${id}>${label}</label>${chosen}
      <select id=${id} .value=${live("")} aria-invalid=${whole ? "true" : nothing} aria-describedby=${whole ? `${id}-wrong` : nothing}
        @change=${(/** @type {any} */ event) => { const { value } = event.target; if (value) set((some) => (some.includes(value) ? some : [...some, value])); }}>
        <option value="">${targets.length ? "And…" : "Choose…"}</option>
        ${groups.map(([group, some]) => html`<optgroup label=${group}>${some.map(([target, word]) => html`<option value=${target}>${word}</option>`)}</optgroup>`)}
      </select>
      ${whole ? html`<span class="wrong" id="${id}-wrong">${label} ${whole}</span>` : nothing}</div>`;
}

/** @param {string} key @param {string} name @param {string} label @param {string} value @param {(value: string) => void} set @param {string} hint */
function input(key, name, label, value, set, hint) {
  const wrong = state.page[key]?.error?.of(name);
  const id = `${key}-${name}`;
  return html`
    <div class="field"><label for=${id}>${label}</label><input id=${id} name=${name} required autocapitalize="none" spellcheck="false" maxlength="255" autocomplete="off"
      .value=${live(value)} aria-invalid=${wrong ? "true" : nothing} aria-describedby="${id}-hint" @input=${(/** @type {any} */ event) => set(event.target.value)}>
      <span class=${wrong ? "wrong" : "meta"} id="${id}-hint">${wrong ? `${label} ${wrong}` : hint}</span></div>`;
}
