// Places that a whole team reads: adding one, trying it, and which policies tell it.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { repeat } from "../../vendor/lit-html/directives/repeat.js";
import { clockTime } from "../clock.js";
import { all, call, problem, requestKey } from "../http.js";
import { mayManage } from "../incidents.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { sample, word } from "./kinds.js";
import { choice, field, loaded, nothingYet, opened, opener, reload, send, submit, sure } from "./parts.js";
import { top } from "./team.js";

/** A browser belongs to one person. */
const PERSONAL = "webpush";
/** How long a test is watched, in looks a second apart. */
const LOOKS = 60;

/** @param {string} slug */
const fetchOf = (slug) => async () => {
  const [team, channels, policies, kinds] = await Promise.all([
    call("GET", `/teams/${encodeURIComponent(slug)}`), all("/channels", { team: slug }), all("/policies"), call("GET", "/channel-kinds"),
  ]);
  return { team, channels, policies, kinds: kinds.items.filter((/** @type {any} */ kind) => kind.channel !== PERSONAL) };
};
const again = () => reload("channels", fetchOf(state.route.id));

/** @param {import("../types.js").State} s */
export const page = (s) => loaded("channels", fetchOf(s.route.id), ({ team, channels, policies, kinds }) => {
  const may = mayManage(team.slug);
  return html`
    ${top(team, "channels", may ? opener("add", "Add channel") : nothing)}
    <div class="stack">
      ${may ? opened("add", "Add channel", addForm(s, team, kinds)) : nothing}
      ${channels.length ? repeat(/** @type {any[]} */ (channels), (one) => one.id, (one) => channel(s, one, policies, kinds, may))
        : nothingYet("No channel yet.", "A channel is a place that the whole team reads: a chat, a board, a mailing list. Escalation policies tell it as they tell people.", may ? nothing : html`<p class="muted">A team's admin adds them.</p>`)}
    </div>`;
});

/** @param {import("../types.js").State} s @param {any} team @param {any[]} kinds */
function addForm(s, team, kinds) {
  const kind = kinds.find((one) => one.channel === s.page.add?.kind) ?? kinds.find((one) => one.channel === "slack") ?? kinds[0];
  return html`
    <form class="form narrow" @change=${(/** @type {any} */ event) => event.target.name === "channel" && setPage("add", { ...s.page.add, kind: event.target.value, error: null })}
      @submit=${submit("add", async (given) => {
        await call("POST", "/channels", { body: { slug: given.slug, channel: given.channel, address: given.address ?? "", team: team.slug }, key: requestKey() });
        setPage("add", { open: false });
        toast(`Added ${given.slug}. Send it a test.`);
        await again();
      })}>
      ${choice("channel", "Kind", kinds.map((one) => /** @type {[string, string]} */ ([one.channel, word(one.channel)])), kind.channel, "Further kinds are set up in the server's configuration")}
      ${field("slug", "Short name", { key: "add", required: true, placeholder: `${team.slug}-chat`, hint: "How policies call it" })}
      ${field("address", "Address", { key: "add", required: true, hint: sample(kind, "it is not shown again") })}
      ${send("add", "Add channel")}
    </form>`;
}

/** @param {any} one @param {any[]} policies */
const naming = (one, policies) => policies.filter((policy) => [...policy.steps.flatMap((/** @type {any} */ step) => step.targets), ...(policy.lastResort ?? [])].includes(`channel:${one.slug}`));

/** Sends a test, and looks until something became of it. @param {any} one */
async function test(one) {
  const key = `test-${one.id}`;
  const page = state.route.id;
  const say = (/** @type {any} */ said) => page === state.route.id && setPage(key, said);
  say({ busy: true, text: "Sending…" });
  try {
    let sent = await call("POST", `/channels/${encodeURIComponent(one.slug)}/test`, { key: requestKey() });
    for (let look = 0; sent.state === "queued" && look < LOOKS && page === state.route.id; look += 1) {
      await new Promise((resolve) => setTimeout(resolve, look < 5 ? 200 : 1_000));
      sent = await call("GET", `/deliveries/${sent.id}`);
      if (sent.attempts && sent.state === "queued") say({ busy: true, wrong: true, text: `Not yet taken: ${sent.outcome ?? "no answer"}. Trying again…` });
    }
    const ends = {
      sent: { text: `The test was taken at ${clockTime(sent.endedAt ?? Date.now())}. Look there: is it seen?` },
      queued: { wrong: true, text: `The test is still on its way${sent.outcome ? `: ${sent.outcome}` : ""}.` },
    };
    say(ends[/** @type {"sent"} */ (sent.state)] ?? { wrong: true, text: `The test did not arrive: ${sent.outcome ?? "the far end gave no reason"}.` });
  } catch (error) {
    say({ wrong: true, text: problem(error).words });
  }
}

/** @param {import("../types.js").State} s @param {any} one @param {any[]} policies @param {any[]} kinds @param {boolean} may */
function channel(s, one, policies, kinds, may) {
  const path = `/channels/${encodeURIComponent(one.slug)}`;
  const named = naming(one, policies);
  const tried = s.page[`test-${one.id}`];
  const change = `change-${one.id}`;
  const remove = () => sure(`Remove ${one.slug}?`, "Nothing is told there any more.", "Remove", async () => {
    await call("DELETE", path);
    toast(`Removed ${one.slug}.`);
    await again();
  });
  const save = submit(change, async (given) => {
    await call("PATCH", path, { body: { slug: given.slug, ...(given.address ? { address: given.address } : {}) } });
    setPage(change, { open: false });
    toast("Saved.");
    await again();
  });
  return html`
    <section class="card panel"><div class="page-head session"><div class="grow"><h2>${one.slug}</h2>
        <p class="meta">${word(one.channel)}, ${one.address}</p></div></div>
      <p>${named.length ? html`Told by ${named.map((policy, at) => html`${at ? ", " : ""}<a href="/teams/${policy.team.slug}/policies">${policy.slug}</a>`)}.`
        : html`No policy tells it yet. <a href="/teams/${one.team.slug}/policies">Escalation</a>`}</p>
      ${tried ? html`<p class=${tried.wrong ? "wrong" : ""} role="status">${tried.text}</p>` : nothing}
      ${may ? html`<div class="actions"><button aria-disabled=${tried?.busy ? "true" : nothing} aria-label="Send a test to ${one.slug}" @click=${() => tried?.busy || test(one)}>Send a test</button>${opener(change, "Change", {}, one.slug)}
        ${named.length ? nothing : html`<button aria-label="Remove ${one.slug}" @click=${remove}>Remove</button>`}</div>` : nothing}
      ${may && s.page[change]?.open ? html`<form class="form narrow" @submit=${save}>
        ${field("slug", "Short name", { key: change, required: true, value: one.slug })}
        ${field("address", "New address", { key: change, hint: `Left out: it stays. ${kinds.find((kind) => kind.channel === one.channel)?.address ?? ""}` })}
        ${send(change, "Save")}</form>` : nothing}
    </section>`;
}
