// Who is on call when: four weeks of each schedule, who stands in, and standing in oneself.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { live } from "../../vendor/lit-html/directives/live.js";
import { now } from "../clock.js";
import { all, call, problem, requestKey } from "../http.js";
import { listen } from "../hearing.js";
import { mayManage } from "../incidents.js";
import { DAYS, difference, instant, local, moment, span, turns, weekBegins, weeks } from "../rota.js";
import { go } from "../router.js";
import { setPage, state } from "../state.js";
import { toast } from "../say.js";
import { named } from "../words.js";
import { isWide } from "../window.js";
import { feeds } from "./feeds.js";
import { head, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { blank, editor } from "./rotation.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../rota.js").Turn} Turn */

const WEEKS = 4;
/** More than these are a list; each has its calendar on a page of its own. */
const AT_ONCE = 4;
/** Others change schedules too, and no event says so. */
const EVERY = 60_000;
/** On a phone: turns that are shown before one asks for more. */
const FEW = 30;

/** @param {State} s */
export function page(s) {
  const slug = s.route.id;
  const fetch = async () => {
    const [schedules, people] = await Promise.all([
      slug ? call("GET", `/schedules/${encodeURIComponent(slug)}`).then((one) => [one]) : all("/schedules"), all("/on-call", slug ? { schedule: slug } : {}),
    ]);
    return { schedules, people };
  };
  /** @type {[string, string][]} */
  const mayAdd = (s.me?.teams ?? []).filter((team) => mayManage(team.slug)).map((team) => [team.slug, team.name]);
  return html`
    ${slug ? html`<div class="crumb"><a href="/on-call"><span aria-hidden="true">←</span>&nbsp;On call</a></div>` : nothing}
    ${slug ? head(`On call for ${slug}`) : head("On call", mayAdd.length ? html`<button aria-expanded=${s.page.add?.open ? "true" : "false"} @click=${() => setPage("add", s.page.add?.open ? { open: false } : { open: true, plan: blank(mayAdd[0][0]) })}>${s.page.add?.open ? "Close" : "Add schedule"}</button>` : nothing)}
    <div class="stack">
    ${s.page.add?.open ? html`<div class="card panel"><h2>Add schedule</h2>${adding(s.page.add.plan.team, mayAdd, fetch)}</div>` : nothing}
    ${loaded("schedules", fetch, ({ schedules, people }) => {
      if (!schedules.length) return none;
      if (schedules.length > AT_ONCE) return table(s, schedules, people);
      return schedules.map((/** @type {any} */ one) => schedule(s, one, people.filter((/** @type {any} */ other) => other.schedule.id === one.id), () => reload("schedules", fetch)));
    }, EVERY)}</div>`;
}

const none = nothingYet("No schedule yet.", html`A schedule says whose turn it is; without one, incidents page the whole team. Files have them too: <code>incidentd apply --help</code>.`);

/** @param {string} team @param {[string, string][]} teams @param {() => Promise<any>} fetch */
const adding = (team, teams, fetch) => loaded(`people-${team}`, () => responders(team), (members) => editor("add", null, members, teams, preview, () => reload("schedules", fetch)));

/** Who of a team can be on call. @param {string} team */
const responders = async (team) => (await all(`/teams/${encodeURIComponent(team)}/members`)).filter((member) => member.role !== "observer");

/** Who it is now, and who is next. @param {any[]} people @param {string} [zone] */
function nowOn(people, zone = Intl.DateTimeFormat().resolvedOptions().timeZone) {
  const there = people.filter((one) => one.user);
  const until = people.map((one) => one.until).filter(Boolean).sort()[0];
  const next = people.find((one) => one.until === until)?.next ?? [];
  const then = until ? ` until ${moment(until, zone)}${next.length ? `, then ${next.map(named).join(" and ")}` : ", then nobody"}` : "";
  return there.length ? html`<strong>${there.map((one) => named(one.user)).join(" and ")}</strong>${then}` : html`<strong class="nobody">Nobody</strong>${then.replace("then nobody", "and then still")}`;
}

/** Who else of it is on call or soon will be, and would not hear of it: its admins are told.
 * @param {State} s @param {any} of */
const unreached = (s, of) => (s.hearing?.unreachable ?? []).filter((one) => one.schedule.id === of.id && one.user.id !== s.me?.user?.id)
  .map((one) => `Nothing reaches ${named(one.user)}, who is on call ${Date.parse(one.start) > now() ? `from ${moment(one.start, of.timeZone)}` : "now"}: no contact is verified.`);

/** @param {State} s @param {any[]} schedules @param {any[]} people */
const table = (s, schedules, people) => html`
  <table class="table"><thead><tr><th scope="col">Schedule</th><th scope="col">Team</th><th scope="col">Now</th></tr></thead>
    <tbody>${schedules.map((one) => html`<tr><td><a href="/on-call/${one.slug}">${one.slug}</a></td><td data-name="Team">${one.team.name}</td>
      <td>${nowOn(people.filter((other) => other.schedule.id === one.id))}${unreached(s, one).map((text) => html`<p class="meta">${text}</p>`)}</td></tr>`)}</tbody></table>`;

/** @param {State} s @param {any} one @param {any[]} people @param {() => Promise<void>} refresh */
function schedule(s, one, people, refresh) {
  const path = `/schedules/${encodeURIComponent(one.slug)}`;
  const key = `rota-${one.id}`;
  const fetch = async () => {
    const from = weekBegins(now(), one.timeZone);
    const until = new Date(Date.parse(from) + (WEEKS * 7 + 2) * 86_400_000).toISOString();
    const [shifts, standing, members] = await Promise.all([
      call("GET", `${path}/shifts`, { query: { from, until } }), all(`${path}/overrides`), responders(one.team.slug).catch(() => []),
    ]);
    return { shifts, standing, members };
  };
  const again = () => Promise.all([reload(key, fetch), refresh(), listen()]);
  const me = s.me?.user?.username;
  const role = s.me?.teams.find((team) => team.id === one.team.id)?.role;
  const mayAll = mayManage(one.team.slug);
  const may = s.me?.scope !== "read" && (mayAll || role === "responder" || role === "admin");
  const take = () => sure(`Be on call for ${one.slug} now?`, `Alone, until somebody else's turn, for a day at most. ${people.filter((other) => other.user && other.user.username !== me).map((other) => named(other.user)).join(" and ") || "Nobody"} is relieved.`, "Be on call", async () => {
    await call("POST", `${path}/take`, { body: {}, key: requestKey() });
    toast(`You are on call for ${one.slug}.`);
    await again();
  });
  const remove = () => sure(`Remove ${one.slug}?`, "Its calendars end, and policies that name it must let go of it first. What was stays in the history.", "Remove", async () => {
    await call("DELETE", path);
    toast(`Removed ${one.slug}.`);
    if (s.route.id) go("/on-call");
    else await refresh();
  });
  return html`
    <section class="card panel rota"><div class="page-head"><h2>${s.route.id ? "Turns" : one.slug}</h2>
        ${may && me ? html`<button aria-label="Be on call now for ${one.slug}" @click=${take}>Be on call now</button>` : nothing}
        ${may ? html`${opener(`stand-${one.id}`, "Stand in", {}, `for ${one.slug}`)}${opener(`swap-${one.id}`, "Swap", {}, `in ${one.slug}`)}` : nothing}
        ${mayAll ? opener(`turns-${one.id}`, "Change turns", { plan: { ...one, team: one.team.slug } }, `of ${one.slug}`) : nothing}</div>
      <p>${people.length ? nowOn(people, one.timeZone) : nothing}</p>
      ${unreached(s, one).map((text) => html`<p class="wrong">${text}</p>`)}
      <p class="meta">${one.team.name}. Times are of ${one.timeZone}, where it is ${local(now(), one.timeZone).slice(11)}.</p>
      ${loaded(key, fetch, (data) => {
        // Where one is cut off is not where it ends.
        const all = turns(data.shifts).map((turn) => ({ ...turn, cut: turn.end === data.shifts.until }));
        const with_ = { one, path, again, members: data.members, mayAll, me, turns: all.filter((turn) => Date.parse(turn.end) > now()) };
        return html`
          ${opened(`stand-${one.id}`, "Stand in", may ? standIn(s, with_) : nothing)}
          ${opened(`swap-${one.id}`, "Swap two shifts", may ? swap(s, with_) : nothing)}
          ${opened(`turns-${one.id}`, "Change turns", s.page[`turns-${one.id}`]?.open ? html`${editor(`turns-${one.id}`, one, data.members, [], preview, again)}
            <div class="actions"><button @click=${remove}>Remove this schedule</button></div>` : nothing)}
          ${one.rotations.length || data.standing.length ? nothing : html`<p class="wrong">It has no rotation yet, so it is nobody's turn.</p>`}
          ${isWide() ? calendar(one, all, may) : agenda(s, one, with_.turns)}
          ${standing(data.standing, with_, may)}`;
      }, EVERY)}
      ${me ? feeds(one.slug) : nothing}
    </section>`;
}

/** @param {Turn} turn */
const tone = (turn) => (turn.user ? `tone-${turn.user.id % 6}` : "nobody");
/** @param {Turn} turn */
const who = (turn) => (turn.user ? named(turn.user) : "Nobody");

/** @param {any} one @param {Turn[]} all @param {boolean} may */
function calendar(one, all, may) {
  const fill = (/** @type {Turn} */ turn) => {
    setPage(`stand-${one.id}`, { open: true, start: local(Math.max(now(), Date.parse(turn.start)), one.timeZone), end: local(turn.end, one.timeZone), replacing: turn.user?.username ?? "" });
    requestAnimationFrame(() => document.getElementById(`stand-${one.id}-start`)?.focus());
  };
  return html`
    <table class="calendar"><caption class="hidden-text">${one.slug}, ${WEEKS} weeks, times of ${one.timeZone}</caption>
      <thead><tr>${DAYS.map((day) => html`<th scope="col">${day}</th>`)}</tr></thead>
      <tbody>${weeks(all, one.timeZone, now(), WEEKS).map((week) => html`<tr>${week.map((day) => html`
        <td class="${day.today ? "today" : ""} ${day.past ? "past" : ""}" aria-current=${day.today ? "date" : nothing}>
          <div class="date meta">${Number(day.date.slice(8))}${day.date.endsWith("-01") || day === week[0] ? html` ${new Date(day.date).toLocaleString("en-GB", { month: "short", timeZone: "UTC" })}` : nothing}</div>
          ${day.parts.map(({ turn, from, to }) => {
            const text = html`${from ? html`<span class="meta">${from}</span> ` : nothing}<strong>${who(turn)}</strong>${to ? html` <span class="meta">to ${to}</span>` : nothing}${turn.override ? html`<span class="meta" title="Stands in"> *</span>` : nothing}`;
            return may && Date.parse(turn.end) > now()
              ? html`<button class="turn ${tone(turn)}" @click=${() => fill(turn)}>${text}<span class="hidden-text">, ${span(turn, one.timeZone)}: stand in</span></button>`
              : html`<div class="turn ${tone(turn)}">${text}</div>`;
          })}
        </td>`)}</tr>`)}</tbody></table>`;
}

/** A phone's calendar. @param {State} s @param {any} one @param {Turn[]} ahead */
function agenda(s, one, ahead) {
  const key = `all-${one.id}`;
  const some = s.page[key] ? ahead : ahead.slice(0, FEW);
  return html`
    <table class="agenda"><caption class="hidden-text">${one.slug}, ${WEEKS} weeks, times of ${one.timeZone}</caption>
      <thead class="hidden-text"><tr><th scope="col">Who</th><th scope="col">When</th></tr></thead>
      <tbody>${some.map((turn) => html`<tr><td><span class="turn ${tone(turn)}"><strong>${who(turn)}</strong></span></td>
        <td>${moment(turn.start, one.timeZone)} –<br>${turn.cut ? "and on" : moment(turn.end, one.timeZone)}${turn.override ? html`<br><span class="meta">stands in</span>` : nothing}</td></tr>`)}</tbody></table>
    ${ahead.length > some.length ? html`<button @click=${() => setPage(key, true)}>Show all ${ahead.length}</button>` : nothing}`;
}

/** @param {any[]} list @param {any} of @param {boolean} may */
function standing(list, { one, path, again, mayAll, me }, may) {
  if (!list.length) return nothing;
  const end = (/** @type {any} */ other) => sure(`End ${named(other.user)}'s standing in?`, `${span(other, one.timeZone)}. What was stays; from now on the rotation counts.`, "End it", async () => {
    await call("DELETE", `${path}/overrides/${other.id}`);
    toast("Ended.");
    await again();
  });
  return html`
    <h3>Standing in</h3>
    <ul class="alerts-list">${list.map((other) => html`<li><div class="page-head session"><div class="grow">
      <strong>${named(other.user)}</strong> for ${other.replacing ? named(other.replacing) : "everybody"}<p class="meta">${span(other, one.timeZone)}</p></div>
      ${may && (mayAll || [other.user.username, other.replacing?.username].includes(me)) ? html`<button aria-label="End ${named(other.user)}'s standing in" @click=${() => end(other)}>End</button>` : nothing}</div></li>`)}</ul>`;
}

/** @param {string} id @param {string} name @param {string} label @param {[string, string][]} choices @param {string} value */
const pick = (id, name, label, choices, value) => html`
  <div class="field"><label for="${id}-${name}">${label}</label><select id="${id}-${name}" name=${name}>
    ${choices.map(([key, word]) => html`<option value=${key} ?selected=${key === value}>${word}</option>`)}</select></div>`;

/** @param {string} id @param {string} name @param {string} label @param {string} value */
const when = (id, name, label, value) => html`
  <div class="field"><label for="${id}-${name}">${label}</label><input id="${id}-${name}" name=${name} type="datetime-local" required .value=${live(value)}></div>`;

/** Who gains, who loses which time. @param {any[]} lines @param {string} zone */
const preview = (lines, zone) => html`
  <ul class="preview" aria-live="polite">${lines.length ? lines.map((line) => html`
    <li><span class="badge ${line.gains ? "calm" : "quiet"}">${line.gains ? "gains" : "loses"}</span> <strong>${named(line.user)}</strong> ${span(line, zone)}</li>`)
    : html`<li class="muted">This changes nothing.</li>`}</ul>`;

/** @param {State} s @param {any} of */
function standIn(s, { one, path, again, members, mayAll, me, turns: ahead }) {
  const key = `stand-${one.id}`;
  const page = s.page[key] ?? {};
  const start = page.start ?? local(now(), one.timeZone);
  const end = page.end ?? local(now() + 8 * 3_600_000, one.timeZone);
  const people = new Map([...members, ...ahead.filter((/** @type {Turn} */ turn) => turn.user).map((/** @type {Turn} */ turn) => turn.user)].map((user) => [user.username, user]));
  const words = [...people.values()].map((user) => /** @type {[string, string]} */ ([user.username, named(user) + (user.username === me ? " (me)" : "")]));
  const there = ahead.find((/** @type {Turn} */ turn) => local(turn.end, one.timeZone) > start)?.user?.username;
  const user = page.user ?? (people.has(me) && there !== me ? me : words.find(([name]) => name !== there)?.[0] ?? "");
  const asked = { user, replacing: page.replacing ?? "", start, end };
  /** Looked up for what is asked, and shown only with it. */
  const question = JSON.stringify(asked);
  if (page.asked !== question && end > start && people.has(user)) {
    page.asked = question;
    s.page[key] = page;
    const times = { start: instant(start, one.timeZone), end: instant(end, one.timeZone) };
    call("GET", `${path}/shifts`, { query: { from: times.start, until: times.end } }).then(
      (shifts) => s.page[key]?.asked === question && setPage(key, { ...s.page[key], lines: difference(shifts.items, { user: people.get(user), replacing: asked.replacing, ...times }) }),
      (error) => setPage(key, { ...s.page[key], lines: null, error: problem(error) }));
  }
  const change = (/** @type {any} */ event) => setPage(key, { ...s.page[key], error: null, [event.target.name]: event.target.value });
  const add = submit(key, async (given) => {
    await call("POST", `${path}/overrides`, { body: { ...given, start: instant(given.start, one.timeZone), end: instant(given.end, one.timeZone) }, key: requestKey() });
    toast(`${named(people.get(given.user))} stands in.`);
    await again();
    setPage(key, { open: false });
  });
  return html`
    <form class="form" @submit=${add} @change=${change}><div class="two">
      ${pick(key, "user", "Who stands in", words, user)}
      ${pick(key, "replacing", "For", [["", "Everybody"], ...words], asked.replacing)}
      ${when(key, "start", `From, in ${one.timeZone}`, start)}
      ${when(key, "end", `Until, in ${one.timeZone}`, end)}
    </div>
    ${end > start ? (page.lines ? preview(page.lines, one.timeZone) : nothing) : html`<p class="wrong">The end needs to be after the start.</p>`}
    ${mayAll ? nothing : html`<p class="meta">You may stand in for others and be stood in for; a team's admin settles it for anybody.</p>`}
    ${send(key, "Save")}</form>`;
}

/** @param {State} s @param {any} of */
function swap(s, { one, path, again, mayAll, me, turns: ahead }) {
  const key = `swap-${one.id}`;
  const page = s.page[key] ?? {};
  const from = (/** @type {Turn} */ turn) => new Date(Math.max(now(), Date.parse(turn.start))).toISOString();
  const shifts = /** @type {Turn[]} */ (ahead.filter((/** @type {Turn} */ turn) => turn.user && !turn.cut).map((/** @type {Turn} */ turn) => ({ ...turn, start: from(turn) })));
  const word = (/** @type {Turn} */ turn) => /** @type {[string, string]} */ ([String(shifts.indexOf(turn)), `${who(turn)}, ${span(turn, one.timeZone)}`]);
  const firsts = shifts.filter((turn) => mayAll || turn.user?.username === me);
  const first = shifts[Number(page.first ?? shifts.indexOf(firsts.find((turn) => turn.user?.username === me) ?? firsts[0]))];
  if (!first?.user) return html`<p class="muted">No shift of ${mayAll ? "anybody" : "yours"} is ahead in these weeks.</p>`;
  const seconds = shifts.filter((turn) => turn.user?.id !== first.user?.id);
  const chosen = shifts[Number(page.second)];
  const second = chosen && seconds.includes(chosen) ? chosen : seconds[0];
  if (!second?.user) return html`<p class="muted">There is nobody to swap with: only ${who(first)} has shifts in these weeks.</p>`;
  const change = (/** @type {any} */ event) => setPage(key, { ...s.page[key], error: null, [event.target.name]: event.target.value });
  const add = submit(key, async () => {
    await call("POST", `${path}/swap`, { body: { user: first.user?.username, with: second.user?.username, start: first.start, end: first.end, back: { start: second.start, end: second.end } }, key: requestKey() });
    toast(`${who(first)} and ${who(second)} swapped.`);
    await again();
    setPage(key, { open: false });
  });
  return html`
    <form class="form" @submit=${add} @change=${change}>
      ${pick(key, "first", "This shift", firsts.map(word), word(first)[0])}
      ${pick(key, "second", "For this one", seconds.map(word), word(second)[0])}
      ${preview([{ ...second, user: first.user, gains: true }, { ...first, gains: false }, { ...first, user: second.user, gains: true }, { ...second, gains: false }], one.timeZone)}
      ${send(key, "Swap")}</form>`;
}
