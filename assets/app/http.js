// Requests to the server's API: JSON in, JSON out, refusals as `Problem`.
import { state, changed } from "./state.js";

/** What the server refused, or why there was no answer (status 0). */
export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body.detail || body.title || "The server gave no reason.");
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.requestId = body.requestId ?? "";
    /** @type {{field: string, message: string}[]} */
    this.errors = body.errors ?? [];
  }

  /** Everything that a person should read of it. */
  get words() {
    const fields = this.errors.map((error) => `${error.field}: ${error.message}`).join("; ");
    const said = fields.startsWith(this.message) ? fields : `${this.message} ${fields}`.trim();
    return [said, this.hint].filter(Boolean).join(" ");
  }

  /** What is wrong with one field. @param {string} field */
  of(field) {
    return this.errors.find((error) => error.field === field)?.message ?? "";
  }
}

/** @param {unknown} error @returns {Problem} */
export function problem(error) {
  if (error instanceof Problem) return error;
  return new Problem(0, { detail: error instanceof Error ? error.message : String(error) });
}

/** A key by which a request that is sent again counts once. */
export function requestKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @typedef {object} Options
 * @property {Record<string, unknown> | [string, string][]} [query]
 * @property {unknown} [body]
 * @property {string} [key] its Idempotency-Key
 * @property {number} [patience] milliseconds
 * @property {boolean} [open] a refusal is no end of the session
 */

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, { query, body, key, patience = 15_000, open = false } = {}) {
  const search = new URLSearchParams();
  const pairs = Array.isArray(query) ? query : Object.entries(query ?? {});
  for (const [name, value] of pairs) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(name, String(one));
    }
  }
  const url = `/api/v1${path}${search.size ? `?${search}` : ""}`;
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(patience),
    });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "No answer from the server." });
  }
  const text = await response.text().catch(() => "");
  const answer = parse(text);
  if (response.ok) return answer;
  if (response.status === 401 && !open) endSession();
  // A proxy before the server speaks for one that does not answer.
  if (!answer && [502, 503, 504].includes(response.status)) throw new Problem(0, { code: "unreachable", detail: "No answer from the server." });
  throw new Problem(response.status, answer ?? { detail: `The server answered ${response.status}.` });
}

/** Marks that turn the writing around would make people read what is not there: shown, not obeyed. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** As it may be shown. @param {any} said */
export const legible = (said) => parse(JSON.stringify(said));

/** @param {string} text */
function parse(text) {
  try {
    return text ? JSON.parse(text.replace(TURNS, "\ufffd")) : null;
  } catch {
    return null;
  }
}

/** The login form takes the page's place; the address stays. */
export function endSession() {
  if (state.session === "out") return;
  state.session = "out";
  state.dialog = null;
  changed();
}

/** All pages of a list, up to `most` entries. @param {string} path @param {Record<string, unknown>} query */
export async function all(path, query = {}, most = 2_000) {
  const items = [];
  let cursor = null;
  do {
    const page = await call("GET", path, { query: { ...query, cursor } });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && items.length < most);
  return items;
}
