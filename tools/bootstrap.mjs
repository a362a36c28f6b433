// Sets up and runs everything from a fresh clone with Node 20 and npm alone: `node tools/bootstrap.mjs setup|demo|test|bench|package|try-package`.
//
// The project's own pnpm and Node come from the npm registry, pinned by hash: pnpm by tools/toolchain/package-lock.json,
// Node (and all else) by pnpm-lock.yaml. Nothing is written outside the clone and the package managers' caches.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, "tools/toolchain");
const tasks = {
  setup: [],
  demo: ["node", ["tools/demo/demo.ts"]],
  test: ["node", ["tools/check/run.ts"]],
  bench: ["node", ["tools/bench/main.ts"]],
  package: ["node", ["--conditions=@nodemanager/source", "tools/package/package.ts"]],
  "try-package": ["node", ["--conditions=@nodemanager/source", "tools/package/try-in-nspawn.ts"]],
};

const [task, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task)) {
  console.error(`usage: node tools/bootstrap.mjs ${Object.keys(tasks).join("|")}`);
  process.exit(2);
}

// npm exports its own settings as npm_* variables; pnpm and turbo would take them for theirs. How to reach the registry is
// for all of them.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_/i.test(name) || /^npm_config_(registry|https?_proxy|proxy|noproxy|cafile|userconfig)$/i.test(name),
  ),
);
const pnpmDir = join(toolchain, `node_modules/@pnpm/exe.linux-${process.arch}`);
env.PATH = [join(root, "node_modules/.bin"), pnpmDir, process.env.PATH].join(delimiter);
env.CI = "1";
env.TURBO_TELEMETRY_DISABLED = "1";
env.DO_NOT_TRACK = "1";

if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
  console.error(`the node manager is developed on Linux x64 and arm64; this is ${process.platform} ${process.arch}`);
  process.exit(1);
}

installOnce("the project's pnpm", join(toolchain, "package-lock.json"), toolchain, () =>
  run("npm", ["ci", "--prefix", toolchain, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]),
);
installOnce("the project's Node and packages", join(root, "pnpm-lock.yaml"), root, () =>
  run("pnpm", ["install", "--frozen-lockfile", "--reporter=append-only", "--config.confirm-modules-purge=false"]),
);
// From here on tools keep their notes in the clone, and not in the home of whoever runs this.
for (const kind of ["CACHE", "CONFIG", "DATA", "STATE"]) {
  env[`XDG_${kind}_HOME`] = join(root, ".cache/xdg", kind.toLowerCase());
}
env.NODE_DISABLE_COMPILE_CACHE = "1";
say("building");
run("turbo", ["run", "build", "--output-logs=errors-only", "--log-order=grouped"]);

const [command, args] = tasks[task];
if (command) {
  say(`running ${task}`);
  run(command, [...args, ...rest]);
} else {
  say("ready: apps/noded/bin/noded and apps/nmctl/bin/nmctl run the built programs");
}

/** Installs when the lockfile is not the one that was installed last; a kill in between installs again. */
function installOnce(what, lockfile, dir, install) {
  const stamp = join(dir, "node_modules/.installed");
  const digest = createHash("sha256").update(readFileSync(lockfile)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    say(`${what}: already there`);
    return;
  }
  say(`installing ${what}`);
  install();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
  if (error) {
    console.error(`${command}: ${error.message}`);
  }
  if (status !== 0) {
    // Killed by a signal or not started at all: no status.
    process.exit(status ?? 1);
  }
}

function say(text) {
  console.error(`[setup] ${text}`);
}
