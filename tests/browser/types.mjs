// The dashboard's modules against the types of the API, and its vendored files against npm's.
//   node types.mjs            UPDATE=1 node types.mjs writes assets/api.d.ts anew
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const assets = join(here, "../../assets");
const packages = join(here, "node_modules");
const failures = [];

const VENDORED = {
  "lit-html/lit-html.js": "lit-html/lit-html.js",
  "lit-html/directive.js": "lit-html/directive.js",
  "lit-html/directive-helpers.js": "lit-html/directive-helpers.js",
  "lit-html/directives/repeat.js": "lit-html/directives/repeat.js",
  "lit-html/directives/live.js": "lit-html/directives/live.js",
  "socket.io-client/socket.io.esm.min.js": "socket.io-client/dist/socket.io.esm.min.js",
};
const list = readFileSync(join(assets, "vendor/README.md"), "utf8");
for (const [ours, theirs] of Object.entries(VENDORED)) {
  const bytes = readFileSync(join(assets, "vendor", ours));
  if (!bytes.equals(readFileSync(join(packages, theirs)))) failures.push(`assets/vendor/${ours} is not npm's`);
  const sum = createHash("sha256").update(bytes).digest("hex");
  const { version } = JSON.parse(readFileSync(join(packages, theirs.split("/")[0], "package.json"), "utf8"));
  const line = list.split("\n").find((one) => one.startsWith(`| \`${ours}\``)) ?? "";
  if (!line.includes(sum) || !line.includes(` ${version} `)) failures.push(`assets/vendor/README.md must say of ${ours}: ${version}, ${sum}`);
}

const room = mkdtempSync(join(tmpdir(), "incidentd-types-"));
try {
  const derived = join(room, "api.d.ts");
  execFileSync(join(packages, ".bin/openapi-typescript"), [join(assets, "openapi.json"), "-o", derived], { stdio: "pipe" });
  if (process.env.UPDATE) writeFileSync(join(assets, "api.d.ts"), readFileSync(derived));
  if (readFileSync(derived, "utf8") !== readFileSync(join(assets, "api.d.ts"), "utf8")) {
    failures.push("assets/api.d.ts is not what assets/openapi.json says; run: UPDATE=1 cargo nextest run its_modules");
  }
  // A copy, in which the types of the vendored files lie beside them.
  cpSync(assets, join(room, "assets"), { recursive: true });
  writeFileSync(join(room, "assets/api.d.ts"), readFileSync(derived));
  symlinkSync(packages, join(room, "node_modules"));
  for (const ours of Object.keys(VENDORED).filter((name) => name.startsWith("lit-html"))) {
    const types = ours.replace(/js$/, "d.ts");
    cpSync(join(packages, types), join(room, "assets/vendor", types));
  }
  writeFileSync(join(room, "assets/vendor/socket.io-client/socket.io.esm.min.d.ts"), 'export * from "socket.io-client";\n');
  writeFileSync(join(room, "tsconfig.json"), JSON.stringify({
    compilerOptions: {
      allowJs: true, checkJs: true, noEmit: true, strict: true, skipLibCheck: true, target: "es2023", module: "esnext",
      moduleResolution: "bundler", lib: ["es2023", "dom", "dom.iterable"], types: [],
    },
    include: ["assets/app/**/*.js", "assets/app/*.d.ts"],
  }));
  const tsc = spawnSync(join(packages, ".bin/tsc"), ["-p", "tsconfig.json"], { cwd: room, encoding: "utf8" });
  if (tsc.status !== 0) failures.push(tsc.stdout || String(tsc.error));
} finally {
  rmSync(room, { recursive: true });
}
if (failures.length) {
  console.error(failures.join("\n"));
  process.exit(1);
}
console.log("types and vendored files are right");
