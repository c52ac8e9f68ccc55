// The filter's language, as in the command line: `status:open team:payments instance=~db-.* disk`.

/** @typedef {import("./types.js").Incident} Incident */
/** @typedef {{name: string, op: string, value: string}} Term */

const FIELD = /^(status|team|service|assignee|urgency|is):(.*)$/;
const MATCHER = /^([\p{L}_@][\p{L}\p{N}_.@/-]*)(!~|=~|!=|=)(.*)$/u;

/** What some fields take; the others take names. @type {Record<string, string[]>} */
const VALUES = { status: ["open", "triggered", "acknowledged", "resolved", "all"], urgency: ["high", "low"], is: ["untold"] };

const WORDS = /[^\s"]*"(?:[^"\\]|\\.)*"|\S+/g;

/** As it stands in a filter: in quotes where it must. @param {string} value */
export const quoted = (value) => (/^[^\s"\\]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`);

/** @param {string} value */
const bare = (value) => (/^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value);

/** @param {string} text @returns {Term[]} */
export function parse(text) {
  const words = text.match(WORDS) ?? [];
  return words.map((word) => {
    const field = FIELD.exec(word);
    if (field) return { name: field[1], op: ":", value: bare(field[2]) };
    const matcher = MATCHER.exec(word);
    if (matcher) return { name: matcher[1], op: matcher[2], value: bare(matcher[3]) };
    return { name: "", op: "", value: bare(word) };
  });
}

/** What of it is not understood, in sentences. @param {string} text @returns {string[]} */
export function misread(text) {
  return parse(text).flatMap(({ name, op, value }) => {
    if (op === ":" && VALUES[name]) {
      const odd = value.split(",").find((one) => !VALUES[name].includes(one));
      return odd === undefined ? [] : [`${name}:${odd} is not known. There is ${VALUES[name].join(", ")}.`];
    }
    const field = /^([a-z]+):(?!\/\/)./i.exec(op ? "" : value);
    if (field) return [`${field[1]}: is no field, so these words are looked for. There is status, team, service, assignee, urgency, is.`];
    if (op.includes("~")) {
      try {
        new RegExp(`^(?:${value})$`);
      } catch (error) {
        return [`${name}${op}${value} is no pattern: ${/** @type {Error} */ (error).message.split(": ").pop()}.`];
      }
    }
    return [];
  });
}

/** Puts `name:value` into the text in place of what it said of `name`; an empty value takes it out.
 * @param {string} text @param {string} name @param {string} value */
export function withField(text, name, value) {
  const kept = (text.match(WORDS) ?? []).filter((word) => !word.startsWith(`${name}:`));
  if (value) kept.unshift(`${name}:${quoted(value)}`);
  return kept.join(" ");
}

/** @param {string} text @param {string} name */
export function fieldOf(text, name) {
  return parse(text).find((term) => term.op === ":" && term.name === name)?.value ?? "";
}

/** Which statuses the filter lets through. @param {Term[]} terms */
export function statuses(terms) {
  const asked = terms.filter((term) => term.op === ":" && term.name === "status").flatMap((term) => term.value.split(","));
  const open = ["triggered", "acknowledged"];
  if (!asked.length) return open;
  return asked.flatMap((word) => (word === "open" ? open : word === "all" ? [...open, "resolved"] : [word]));
}

/** @param {string} op @param {string} wanted */
function compare(op, wanted) {
  if (op === "=") return (/** @type {string} */ is) => is === wanted;
  if (op === "!=") return (/** @type {string} */ is) => is !== wanted;
  let pattern;
  try {
    pattern = new RegExp(`^(?:${wanted.slice(0, 256)})$`);
  } catch {
    // Half typed; it matches nothing yet.
    return () => false;
  }
  return op === "=~" ? (/** @type {string} */ is) => pattern.test(is) : (/** @type {string} */ is) => !pattern.test(is);
}

/**
 * @param {string} text
 * @param {string} me the caller's username
 * @returns {(incident: Incident) => boolean}
 */
export function matcher(text, me) {
  const terms = parse(text);
  const allowed = statuses(terms);
  const tests = terms.filter((term) => term.name !== "status").map((term) => test(term, me));
  return (incident) => allowed.includes(incident.status) && tests.every((one) => one(incident));
}

/** @param {Term} term @param {string} me @returns {(i: Incident) => boolean} */
function test({ name, op, value }, me) {
  if (op === ":") {
    const values = value.split(",").map((one) => (name === "assignee" && one === "me" ? me : one));
    switch (name) {
      case "team": return (i) => values.includes(i.team.slug);
      case "service": return (i) => values.includes(i.service?.slug ?? "");
      case "urgency": return (i) => values.includes(i.urgency);
      case "assignee": return (i) => i.assignees.some((user) => values.includes(user.username));
      default: return (i) => values.every((one) => one === "untold" && i.untold);
    }
  }
  if (op) {
    const fits = compare(op, value);
    return (i) => fits(labelOf(i, name));
  }
  const wanted = value.toLowerCase();
  const id = wanted.replace(/^#/, "");
  return (i) =>
    i.title.toLowerCase().includes(wanted) || String(i.id) === id ||
    `${i.service?.name ?? ""} ${i.service?.slug ?? ""}`.toLowerCase().includes(wanted);
}

/** @param {Incident} i @param {string} name */
function labelOf(i, name) {
  if (name === "@service") return i.service?.slug ?? "";
  if (name === "@team") return i.team.slug;
  if (name === "@severity") return i.severity;
  return Object.hasOwn(i.labels ?? {}, name) ? String(i.labels?.[name]) : "";
}

/** What the server can narrow history by; the rest is matched here. @param {string} text */
export function asQuery(text) {
  /** @type {[string, string][]} */
  const pairs = [["status", "resolved"], ["sort", "new"], ["limit", "100"]];
  const words = [];
  const seen = new Set();
  for (const term of parse(text)) {
    const once = term.op === ":" && !term.value.includes(",") && (term.name === "team" || !seen.has(term.name));
    if (once && ["team", "service", "assignee", "urgency"].includes(term.name)) pairs.push([term.name, term.value]);
    else if (term.op && term.op !== ":") pairs.push(["label", `${term.name}${term.op}${quoted(term.value)}`]);
    else if (!term.op) words.push(term.value);
    seen.add(term.name);
  }
  if (words.length === 1) pairs.push(["q", words[0]]);
  return pairs;
}
