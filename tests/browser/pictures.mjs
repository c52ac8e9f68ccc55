// The README's pictures: the demo as it stands, in a terminal (tmux) and in a browser.
//   INCIDENTD_BIN=target/debug/incidentd node pictures.mjs FOLDER
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Browser, isLive } from "./world.mjs";

const BINARY = process.env.INCIDENTD_BIN;
const folder = process.argv[2];
const ZONE = "Europe/Paris";
const demo = spawn(BINARY, ["demo", "--seed", "42", "--still", "-o", "json"], { stdio: ["ignore", "pipe", "inherit"] });
const told = await new Promise((resolve) => createInterface({ input: demo.stdout }).once("line", (line) => resolve(JSON.parse(line))));

/** A terminal's screen, with its colours. @param {number} columns @param {number} rows @param {string[]} keys */
async function screen(columns, rows, ...keys) {
  const dir = mkdtempSync(join(tmpdir(), "incidentd-picture-"));
  const tmux = (...words) => execFileSync("tmux", ["-u", "-S", join(dir, "tmux"), "-f", "/dev/null", ...words], { encoding: "utf8", env: { ...process.env, TERM: "xterm-256color", TMUX: "" } });
  const until = async (sign) => {
    for (let tries = 0; !tmux("capture-pane", "-p").includes(sign); tries += 1) {
      if (tries > 200) throw new Error(`no ${sign} on the screen:\n${tmux("capture-pane", "-p")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  try {
    tmux("new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, "-e", `INCIDENTD_URL=${told.url}`, "-e", `INCIDENTD_TOKEN=${told.token}`, "-e", `TZ=${ZONE}`, "-e", "LC_ALL=C.UTF-8", `env -u NO_COLOR '${BINARY}' watch`);
    await until("live  ");
    await until("on call: ");
    for (const [key, sign] of keys) {
      tmux("send-keys", key);
      await until(sign);
    }
    return tmux("capture-pane", "-p", "-e").trimEnd().split("\n");
  } finally {
    tmux("kill-server");
    rmSync(dir, { recursive: true });
  }
}

const text = (of) => of.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const CELL = { width: 8.4, height: 18 };

/** What a terminal draws, as SVG in the reader's light or dark. @param {string[]} lines @param {number} columns */
function svg(lines, columns) {
  const rows = lines.map((line, y) => {
    let x = 0;
    let style = new Set();
    let drawn = "";
    // Each run of one style; the screen begins each line in the plain one.
    for (const piece of line.split(/(\x1b\[[\d;]*m)/)) {
      const codes = /^\x1b\[([\d;]*)m$/.exec(piece);
      if (codes) {
        const numbers = codes[1].split(";").map(Number);
        for (let at = 0; at < numbers.length; at += 1) {
          let code = numbers[at];
          // One of the sixteen, by its number or as bright: here all the same.
          if ((code === 38 || code === 48) && numbers[at + 1] === 5) {
            code += (numbers[at + 2] % 8) - 8;
            at += 2;
          } else if (code >= 90) {
            code -= 60;
          }
          if (code === 0) style = new Set();
          else if (code === 1) style.add("bold");
          else if (code === 2) style.add("dim");
          else if (code === 7) style.add("reverse");
          else if (code >= 30 && code <= 37) style.add(`fg${code - 30}`);
          else if (code >= 40 && code <= 47) style.add(`bg${code - 40}`);
          else if (code === 22) style = new Set([...style].filter((one) => one !== "bold" && one !== "dim"));
          else if (code === 27) style.delete("reverse");
          else if (code === 39) style = new Set([...style].filter((one) => !one.startsWith("fg")));
          else if (code === 49) style = new Set([...style].filter((one) => !one.startsWith("bg")));
        }
      } else if (piece) {
        const width = piece.length * CELL.width;
        const at = (x * CELL.width).toFixed(1);
        const ground = [...style].find((one) => one.startsWith("bg")) ?? (style.has("reverse") ? "reversed" : "");
        if (ground) drawn += `<rect x="${at}" y="${y * CELL.height}" width="${width.toFixed(1)}" height="${CELL.height}" class="${ground}"/>`;
        if (piece.trim()) drawn += `<text x="${at}" y="${y * CELL.height + 13.5}" textLength="${width.toFixed(1)}" class="${[...style].filter((one) => !one.startsWith("bg")).join(" ")}">${text(piece)}</text>`;
        x += piece.length;
      }
    }
    return drawn;
  });
  const size = { width: Math.ceil(columns * CELL.width) + 24, height: lines.length * CELL.height + 24 };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="incidentd watch in a terminal">
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:#17191e}
.page{fill:#fafaf8;stroke:#e2e3e6}.bold{font-weight:600}.dim{opacity:.65}.reversed{fill:#17191e}.reverse{fill:#fafaf8}
.fg0{fill:#17191e}.fg1{fill:#be1e1a}.fg2{fill:#17703d}.fg3{fill:#805000}.fg7{fill:#fff}.bg1{fill:#be1e1a}.bg3{fill:#f0b94f}
@media(prefers-color-scheme:dark){text{fill:#e8eaee}.page{fill:#101216;stroke:#2a2f38}.reversed{fill:#e8eaee}.reverse{fill:#101216}.fg0{fill:#101216}.fg1{fill:#ff7a70}.fg2{fill:#63cb8f}.fg3{fill:#f0b94f}}
</style>
<rect x="-11.5" y="-11.5" width="${size.width - 1}" height="${size.height - 1}" rx="6" class="page"/>
${rows.filter(Boolean).join("\n")}
</svg>
`;
}

try {
  writeFileSync(join(folder, "terminal.svg"), svg(await screen(112, 16), 112));
  const browser = await Browser.start();
  const server = { url: told.url };
  const light = { colorScheme: "light", timezoneId: ZONE, viewport: { width: 1200, height: 672 } };
  const page = await browser.window(server, null, told.link, light);
  await page.getByRole("button", { name: "Go in as you" }).click();
  await page.getByRole("link", { name: "To the incidents" }).click();
  await isLive(page);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, "browser-light.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(folder, "browser-dark.png") });
  await page.getByRole("link", { name: /Replica lag/ }).click();
  await page.setViewportSize({ width: 390, height: 780 });
  await page.locator(".timeline").waitFor();
  await page.screenshot({ path: join(folder, "phone.png") });
  if (browser.faults.length) throw new Error(browser.faults.join("\n"));
  await browser.end();
} finally {
  demo.kill();
}
