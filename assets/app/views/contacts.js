// How I am told: my contacts, whether what is sent there arrives, and which of them rings when.
import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { ago } from "../clock.js";
import { listen } from "../hearing.js";
import { all, call, problem, requestKey } from "../http.js";
import { here, renamed, subscribe } from "../push.js";
import { toast } from "../say.js";
import { setPage, state } from "../state.js";
import { sample, word } from "./kinds.js";
import { choice, field, loaded, opened, opener, reload, send, submit, sure } from "./parts.js";

const MINE = "/users/me/contacts";
/** @param {string} name */
const of = (name) => `${MINE}/${encodeURIComponent(name)}`;

/** Made by its own button. */
const BROWSER = "webpush";
/** @type {Record<string, string>} */
const ADDRESSES = { ntfy: "Topic", webhook: "URL", twilio: "Number", sms: "Number" };

/** Of a rule: after which time. @type {[string, string][]} */
const AFTER = [["", "not"], ["0s", "at once"], ["1m", "after 1 min"], ["3m", "after 3 min"], ["5m", "after 5 min"], ["10m", "after 10 min"], ["20m", "after 20 min"]];

const fetch = async () => {
  const [contacts, rules, user, push, kinds] = await Promise.all([all(MINE), call("GET", "/users/me/rules"), call("GET", "/users/me"), here(), call("GET", "/channel-kinds")]);
  return { contacts, rules, user, push, kinds: kinds.items.filter((/** @type {any} */ kind) => kind.channel !== BROWSER) };
};
/** Whether anything reaches me is said above every page. */
const again = () => Promise.all([reload("contacts", fetch), listen()]);

/** @param {boolean} [withRules] a newcomer needs none yet */
export const contacts = (withRules = true) => loaded("contacts", fetch, ({ contacts, rules, user, push, kinds }) => html`
  <div class="stack contacts">
    ${contacts.length ? html`<ul class="alerts-list">${contacts.map((/** @type {any} */ one) => contact(one, rules, push))}</ul>`
      : html`<p>${user.email && kinds.some((/** @type {any} */ kind) => kind.channel === "email") ? html`Without a contact of your own, incidents come to <strong>${user.email}</strong>.` : html`<strong>Nothing reaches you yet:</strong> ${user.email ? `this server has no mail server, so nothing goes to ${user.email}, and ` : ""}incidents go to the next person at once.`}</p>`}
    <div class="actions">${opener("contact", "Add a contact")}
      ${push.why || contacts.some((/** @type {any} */ one) => one.name === push.name) ? nothing : html`<button @click=${() => ring(contacts, rules, push)}>Ring in this browser</button>`}</div>
    ${push.why ? html`<p class="meta">${push.why}</p>` : nothing}
    ${opened("contact", "Add a contact", addForm(kinds))}
    ${contacts.length && withRules ? ruleForm(contacts, rules) : nothing}
  </div>`);

/** What was asked, and how it went. @param {() => Promise<string>} what */
async function attempt(what) {
  try {
    toast(await what());
  } catch (error) {
    toast(problem(error).words, { wrong: true });
  }
  await again();
}

/** What rings when may be said by rules, and then those must name it. @param {string} what @param {string} name @param {any} rules */
function rings(what, name, rules) {
  const silent = ["high", "low"].filter((urgency) => rules[urgency].length && !rules[urgency].some((/** @type {any} */ rule) => rule.contact === name));
  if (!silent.length) return `${what} rings from now on`;
  return `${what} can ring; ${silent.length > 1 ? "" : `for ${silent[0]} urgency `}it does once you say when, under “What rings when”`;
}

/** @param {any[]} contacts @param {any} rules @param {any} push @param {string} [again] its contact, where it rang before */
function ring(contacts, rules, push, again) {
  const go = () => attempt(async () => rings("This browser", await subscribe(contacts.map((one) => one.name), again), rules) + (again || !rules.high.length ? ", also while this page is closed." : "."));
  if (push.other) sure("Ring here for you?", `This browser rings for ${push.other}, and no longer would.`, "Ring for me", go);
  else go();
}

/** Sends a test, and waits a little for what becomes of it. @param {string} name */
const test = (name) => attempt(async () => {
  let [sent] = (await call("POST", "/users/me/test", { body: { contact: name }, key: requestKey() })).items;
  for (let look = 0; look < 10 && sent?.state === "queued"; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    sent = await call("GET", `/deliveries/${sent.id}`);
  }
  if (sent?.state === "sent") return `A test was sent to ${name}.`;
  if (!sent || sent.state === "queued") return `A test is on its way to ${name}.`;
  throw new Error(`The test did not reach ${name}: ${sent.outcome ?? sent.state}.`);
});

/** The code that came there. @param {any} one @param {any} rules */
function proof(one, rules) {
  const key = `code-${one.id}`;
  const path = of(one.name);
  const verify = submit(key, async ({ code }) => {
    await call("POST", `${path}/verify`, { body: { code }, key: requestKey() });
    toast(`${rings(`Verified: ${one.name}`, one.name, rules)}.`);
    await again();
  });
  const another = () => attempt(async () => {
    await call("POST", `${path}/code`, { key: requestKey() });
    return `A new code is on its way to ${one.name}.`;
  });
  return html`
    <form class="form" @submit=${verify}>
      ${field("code", `The code that came to ${one.name}`, { key, required: true, complete: "one-time-code", hint: "Six digits; it can ring once they are typed in here" })}
      ${send(key, "Verify", one.name)}
      <div class="actions"><button type="button" class="plain" aria-label="Send a new code to ${one.name}" @click=${another}>Send a new code</button></div>
    </form>`;
}

/** @param {any} one @param {any} rules @param {any} push */
function contact(one, rules, push) {
  const key = `name-${one.id}`;
  const rename = submit(key, async ({ name }) => {
    await call("PATCH", of(one.name), { body: { name } });
    await renamed(one.name, name);
    setPage(key, { open: false });
    await again();
  });
  const remove = () => sure(`Remove ${one.name}?`, "It rings no more, and the rules that name it go.", "Remove", async () => {
    await call("DELETE", of(one.name));
    await renamed(one.name);
    await again();
  });
  return html`<li>
    <div class="page-head session"><div class="grow"><strong>${one.name}</strong>
        ${one.verifiedAt ? html`<span class="badge calm" title="Since ${ago(one.verifiedAt)}">Verified</span>` : html`<span class="badge ack">Not verified</span>`}
        <p class="meta">${one.channel !== BROWSER ? `${word(one.channel)}, ${one.address}` : one.verifiedAt ? "Rings in a browser, also when it is closed" : "That browser ended its subscription: nothing rings there. If it is this one, let it ring again"}</p></div>
      <div class="actions">
      ${one.verifiedAt ? html`<button aria-label="Send a test to ${one.name}" @click=${() => test(one.name)}>Send a test</button>` : nothing}
      ${one.channel === BROWSER && !one.verifiedAt && !push.why ? html`<button @click=${() => ring([], rules, push, one.name)}>Ring here again</button>` : nothing}
      ${opener(key, "Rename", {}, one.name)}
      <button aria-label="Remove ${one.name}" @click=${remove}>Remove</button></div></div>
    ${state.page[key]?.open ? html`<form class="form" @submit=${rename}>${field("name", "New name", { key, required: true, value: one.name })}${send(key, "Rename")}</form>` : nothing}
    ${one.verifiedAt || one.channel === BROWSER ? nothing : proof(one, rules)}</li>`;
}

/** @param {any[]} kinds */
function addForm(kinds) {
  const kind = kinds.find((one) => one.channel === (state.page.contact?.channel ?? "email")) ?? kinds[0];
  const { channel } = kind;
  const hint = channel === "email" ? "Left out: that of your profile" : sample(kind, "keep it to yourself");
  return html`
    <form class="form" @change=${(/** @type {any} */ event) => event.target.name === "channel" && setPage("contact", { ...state.page.contact, channel: event.target.value })} @submit=${submit("contact", async (given) => {
      await call("POST", MINE, { body: given, key: requestKey() });
      setPage("contact", { open: false });
      await again();
    })}>
      ${choice("channel", "How", kinds.map((one) => /** @type {[string, string]} */ ([one.channel, word(one.channel)])), channel, "Further kinds are set up in the server's configuration")}
      ${field("name", "Name", { key: "contact", required: true, value: channel, hint: "How rules call it: phone, mail" })}
      ${field("address", ADDRESSES[channel] ?? "Address", { key: "contact", hint })}
      ${send("contact", "Add")}
    </form>`;
}

/** @param {any[]} contacts @param {any} rules */
function ruleForm(contacts, rules) {
  const after = (/** @type {string} */ urgency, /** @type {any} */ one) => (rules[urgency].length ? rules[urgency].find((/** @type {any} */ rule) => rule.contact === one.name)?.after ?? "" : "0s");
  const pick = (/** @type {string} */ urgency, /** @type {any} */ one) => {
    const is = after(urgency, one);
    const choices = AFTER.some(([span]) => span === is) ? AFTER : [...AFTER, [is, `after ${is}`]];
    return html`<select name="${urgency}-${one.id}" aria-label="${one.name}, ${urgency} urgency">${choices.map(([span, word]) => html`<option value=${span} ?selected=${span === is}>${word}</option>`)}</select>`;
  };
  const save = submit("rules", async (given) => {
    const of = (/** @type {string} */ urgency) => {
      const chosen = contacts.filter((one) => given[`${urgency}-${one.id}`]).flatMap((one) => {
        // What rings again later was said elsewhere, and stays.
        const again = rules[urgency].filter((/** @type {any} */ rule) => rule.contact === one.name).slice(1);
        return [{ after: given[`${urgency}-${one.id}`], contact: one.name }, ...again];
      });
      if (!chosen.length) throw new Error(`Something must ring for ${urgency} urgency.`);
      // All at once is said by no rule at all: then a further contact rings, too.
      return chosen.length === contacts.length && chosen.every((one) => one.after === "0s") ? [] : chosen;
    };
    await call("PUT", "/users/me/rules", { body: { high: of("high"), low: of("low"), quiet: given.from && given.to ? { from: given.from, to: given.to } : null, allClear: given.allClear === "on" } });
    toast("Saved.");
    await again();
  });
  return html`
    <h3>What rings when</h3>
    <form class="form" @submit=${save}>
      <table class="table"><thead><tr><th scope="col">Contact</th><th scope="col">High urgency</th><th scope="col">Low urgency</th></tr></thead>
        <tbody>${contacts.map((one) => html`<tr><td>${one.name}</td><td data-name="High">${pick("high", one)}</td><td data-name="Low">${pick("low", one)}</td></tr>`)}</tbody></table>
      <div class="two">
        ${field("from", "Low urgency is quiet from", { type: "time", value: rules.quiet?.from ?? "", key: "rules", hint: "By the clocks of your time zone; high urgency always rings" })}
        ${field("to", "until", { type: "time", value: rules.quiet?.to ?? "", key: "rules" })}
      </div>
      <label class="check"><input type="checkbox" name="allClear" ?checked=${rules.allClear}> Tell me, quietly, when it is over or somebody else has it</label>
      ${send("rules", "Save what rings")}
    </form>`;
}
