// Installs, uses, upgrades and purges the Debian package in a container with an init of its own, on a clean Debian:
// `node --conditions=@nodemanager/source tools/package/try-in-nspawn.ts`, as root, after `npm run setup`. It needs debootstrap and
// systemd-nspawn (packages debootstrap and systemd-container), and a few minutes.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ARCHES } from "./src/arch.ts";
import { baseRoot } from "./src/base-root.ts";
import { buildDebianPackage } from "./src/debian-package.ts";
import { Machine } from "./src/machine.ts";
import { hasTool, runTool } from "./src/run-tool.ts";
import { STEPS, VERSIONS } from "./src/try-package.ts";

const root = dirname(dirname(import.meta.dirname));
const cache = join(root, ".cache/nspawn");
const missing = ["debootstrap", "systemd-nspawn", "nsenter", "dpkg-deb"].filter((tool) => !hasTool(tool));
const arch = ARCHES.find((one) => one === process.arch);
if (missing.length > 0 || process.getuid?.() !== 0 || !arch) {
  console.error(`try-in-nspawn: it needs root${missing.map((tool) => ` and ${tool}`).join("")}`);
  process.exit(1);
}

const say = (text: string) => console.error(`[try] ${text}`);
say("building the executable");
const build = ["--conditions=@nodemanager/source", join(import.meta.dirname, "package.ts")];
const [built = ""] = runTool(process.execPath, [...build, "--only", "executables", "--arch", arch]).split(" ");
say("a clean Debian");
const base = baseRoot(cache);
mkdirSync(cache, { recursive: true });
const scratch = mkdtempSync(join(cache, "run-"));
let failed = 0;
let passed = 0;
try {
  say("booting it");
  await using machine = await Machine.boot(base, join(scratch, "root"));
  for (const version of VERSIONS) {
    const output = join(scratch, `root/root/noded_${version}.deb`);
    buildDebianPackage({
      ...{ arch, version, executable: join(root, built), output, scratch, compression: "none", time: 0 },
      ...{ nodeLicense: "", packageLicenses: "" },
    });
  }
  // Another program to the manager, which tells them by their digest, and the same to the kernel.
  copyFileSync(join(root, built), join(scratch, "root/root/noded-itself"));
  machine.ok("echo >> /root/noded-itself");
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      await step(machine);
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
