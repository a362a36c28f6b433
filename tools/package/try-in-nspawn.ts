// Installs, uses, upgrades and purges the Debian package in a container with an init of its own, on a clean Debian, from the
// machine itself and from another host over the network: `npm run try-package`, as root. It needs debootstrap, systemd-nspawn, ip
// and ssh (packages debootstrap, systemd-container, iproute2, openssh-client), and two minutes; the first time a few more, for
// the clean Debian.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ARCHES } from "./src/arch.ts";
import { baseRoot } from "./src/base-root.ts";
import { buildDebianPackage } from "./src/debian-package.ts";
import { buildExecutable } from "./src/executable.ts";
import { Machine } from "./src/machine.ts";
import { nodeBinary } from "./src/node-binary.ts";
import { hasTool, runTool } from "./src/run-tool.ts";
import { OWN_VERSION, STEPS, VERSIONS } from "./src/try-package.ts";
import { Cable, Workstation } from "./src/workstation.ts";

const root = dirname(dirname(import.meta.dirname));
const cache = join(root, ".cache/nspawn");
const missing = ["debootstrap", "systemd-nspawn", "nsenter", "dpkg-deb", "ip", "ssh"].filter((tool) => !hasTool(tool));
const arch = ARCHES.find((one) => one === process.arch);
if (missing.length > 0 || process.getuid?.() !== 0 || !arch) {
  console.error(`try-in-nspawn: it needs root${missing.map((tool) => ` and ${tool}`).join("")}`);
  process.exit(1);
}

const say = (text: string) => console.error(`[try] ${text}`);
say("a clean Debian");
const base = baseRoot(cache);
mkdirSync(cache, { recursive: true });
const scratch = mkdtempSync(join(cache, "run-"));
const packageCache = join(root, ".cache/package");
mkdirSync(packageCache, { recursive: true });
const node = nodeBinary(arch, { root, cache: packageCache }).file;
runTool(join(root, "node_modules/.bin/tsup"), [], { cwd: import.meta.dirname });
const script = readFileSync(join(import.meta.dirname, "dist/multi-call.js"), "utf8");

/** Both programs in one, as if they were of this version: that is what a trial of the manager's asks for. */
function buildVersion(version: string, output: string): void {
  const versions = /(name:"@nodemanager\/(?:noded|nmctl)",version:")[^"]*/g;
  if (script.match(versions)?.length !== 2) {
    throw new Error("the versions of noded and nmctl are not where they were");
  }
  const versioned = join(scratch, "programs.mjs");
  writeFileSync(versioned, script.replace(versions, `$1${version}`));
  buildExecutable(arch ?? "x64", { node, script: versioned, output, scratch });
}

let failed = 0;
let passed = 0;
try {
  say("booting it, and building what is tried");
  using cable = new Cable();
  await using machine = await Machine.boot(base, join(scratch, "root"), cable.machineNamespace);
  for (const version of VERSIONS) {
    const executable = join(scratch, "noded");
    buildVersion(version, executable);
    const output = join(scratch, `root/root/noded_${version}.deb`);
    const licenses = { nodeLicense: "", packageLicenses: "" };
    buildDebianPackage({ arch, version, executable, output, scratch, compression: "none", time: 0, ...licenses });
  }
  buildVersion(OWN_VERSION, join(scratch, "root/root/noded-itself"));
  const workstation = new Workstation(cable, { executable: join(scratch, "root/root/noded-itself"), scratch });
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      await step(machine, workstation);
      passed++;
      console.log(`PASS ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}\n${error instanceof Error ? error.message : String(error)}`);
      console.log(machine.sh("systemctl status --no-pager noded; journalctl -u noded -n 40 --no-pager -o cat").stdout);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
