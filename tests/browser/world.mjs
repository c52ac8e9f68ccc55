// A real server in a folder of its own, real browsers before it, and what may never happen in one.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BINARY = process.env.INCIDENTD_BIN;
const KEY = "0123456789abcdef0123456789abcdef";
export const FOREIGN = "fedcba9876543210fedcba9876543210";
export const PASSWORD = "correct horse battery";
/** A name that browsers do not trust as they trust this host: plain http in a home network. */
const LAN = "incidentd.lan";
/** Machines that compile meanwhile are slow. */
export const PATIENCE = 20_000;

/** A schedule of the payments team: a week each. */
export const schedule = (slug, participants, more = "") => `
[[schedules]]
slug = "${slug}"
team = "payments"
time_zone = "Europe/Paris"
[[schedules.rotations]]
name = "weekly"
every = "1w"
handoff = "2026-01-05T09:00"
participants = ${JSON.stringify(participants)}
${more}`;

/** People who are told at `far`. */
const world = (far) => `
[[users]]
username = "root"
contacts = [ { name = "hook", channel = "webhook", address = "${far}/root" } ]
[[users]]
username = "alice"
name = "Alice"
contacts = [ { name = "hook", channel = "webhook", address = "${far}/alice" } ]
[[users]]
username = "bob"
name = "Bob"
contacts = [ { name = "hook", channel = "webhook", address = "${far}/bob" } ]
[[users]]
username = "carol"
name = "Carol"
[[users]]
username = "mallory"
name = "Mallory"
contacts = [ { name = "hook", channel = "webhook", address = "${far}/mallory" } ]
[[teams]]
slug = "payments"
name = "Payments"
members = { alice = "admin", bob = "responder", carol = "observer" }
[[teams]]
slug = "search"
name = "Search"
members = { mallory = "admin" }
[[services]]
slug = "checkout"
name = "Checkout"
team = "payments"
[[services]]
slug = "index"
name = "Index"
team = "search"
[[integrations]]
service = "checkout"
name = "prometheus"
key = "${KEY}"
[[integrations]]
service = "index"
name = "cron"
key = "${FOREIGN}"
${schedule("payments-primary", ["alice", "bob"])}
`;

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

async function free() {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Server {
  static async empty() {
    const server = new Server();
    server.dir = mkdtempSync(join(tmpdir(), "incidentd-browser-"));
    server.url = `http://127.0.0.1:${await free()}`;
    // The far end of everybody's contacts: who was told what.
    server.told = [];
    server.far = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => { body += chunk; }).on("end", () => {
        server.told.push([request.url.slice(1), body]);
        response.end();
      });
    });
    server.farUrl = `http://127.0.0.1:${await listening(server.far)}`;
    await server.start();
    return server;
  }

  static async start() {
    const server = await Server.empty();
    server.cli(["user", "add", "root", "--admin", "--email", "root@example.com", "--password-stdin", "--data-dir", server.dir], PASSWORD);
    server.token = server.cli(["token", "create", "--user", "root", "--data-dir", server.dir]).trim();
    server.cli(["apply", "-f", server.file("world.toml", world(server.farUrl))]);
    for (const who of ["alice", "bob", "carol", "mallory"]) {
      server.cli(["user", "set-password", who, "--password-stdin", "--data-dir", server.dir], PASSWORD);
    }
    return server;
  }

  /** Its address in the home network. */
  get lan() {
    return this.url.replace("127.0.0.1", LAN);
  }

  /** The environment of the tests says nothing to it. */
  get env() {
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("INCIDENTD_")));
    return { ...clean, INCIDENTD_URL: this.url, INCIDENTD_OUTGOING_ALLOW_PRIVATE: "127.0.0.0/8", INCIDENTD_ALLOWED_ORIGINS: this.lan, ...(this.token ? { INCIDENTD_TOKEN: this.token } : {}) };
  }

  start() {
    this.said = "";
    Server.last = this;
    const args = ["serve", "--data-dir", this.dir, "--listen", this.url.replace("http://", "")];
    this.child = spawn(BINARY, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
    return new Promise((resolve, reject) => {
      const hear = (chunk) => {
        this.said += chunk;
        if (this.said.includes("listening on")) resolve();
      };
      this.child.stderr.on("data", hear);
      this.child.stdout.on("data", hear);
      this.child.on("exit", () => reject(new Error(`the server ended: ${this.said}`)));
    });
  }

  /** What it prints sooner or later. */
  async says(pattern) {
    while (!pattern.test(this.said)) await new Promise((resolve) => this.child.stderr.once("data", resolve));
    return pattern.exec(this.said)[0];
  }

  async stop() {
    this.child.kill("SIGTERM");
    await this.ended;
  }

  async end() {
    await this.stop();
    this.far.close();
    this.far.closeAllConnections();
    rmSync(this.dir, { recursive: true, force: true });
  }

  cli(args, input = "") {
    return execFileSync(BINARY, args, { env: this.env, input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  }

  /** A file in the server's folder. */
  file(name, text) {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** An alert, through the front door. */
  async alert(body, key = KEY) {
    const response = await fetch(`${this.url}/integrations/${key}/generic`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.status !== 202) throw new Error(JSON.stringify(answer));
    return answer.incidentId;
  }

  /** One of a team that is not alice's. */
  foreign(body) {
    return this.alert(body, FOREIGN);
  }
}

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", `--host-resolver-rules=MAP ${LAN} 127.0.0.1`],
    });
    browser.faults = [];
    return browser;
  }

  /** A window of its own, with its own cookies. `who` is logged in; null is nobody. `before` runs in
   * it before the page does. */
  async window(server, who, path, { before, baseURL = server.url, ...more } = {}) {
    const context = await this.chromium.newContext({ viewport: { width: 1280, height: 800 }, baseURL, ...more });
    context.setDefaultTimeout(PATIENCE);
    if (who) {
      const answer = await context.request.post("/api/v1/sessions", { data: { username: who, password: PASSWORD }, headers: { origin: server.url } });
      if (!answer.ok()) throw new Error(await answer.text());
    }
    const page = await context.newPage();
    if (before) await page.addInitScript(before);
    // What the policy forbids is never even tried, and no error goes unseen.
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    });
    page.on("pageerror", (error) => this.faults.push(`${path}: ${error.stack}`));
    page.on("console", (message) => {
      if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) this.faults.push(`${path}: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(baseURL) && !request.url().startsWith(baseURL.replace("http", "ws"))) this.faults.push(`${path}: asked ${request.url()}`);
    });
    await page.goto(path);
    return page;
  }

  async close(page) {
    const violations = await page.evaluate(() => window.violations);
    this.faults.push(...violations.map((one) => `${page.url()}: ${one}`));
    await page.context().close();
  }

  async end() {
    await this.chromium.close();
  }
}

/** The page is live and has its incidents. */
export const isLive = (page) => page.locator(".live:not(.waits)").waitFor({ state: "attached" });
export const row = (page, id) => page.locator(`.row[data-id="${id}"]`);
