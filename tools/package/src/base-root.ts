import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runTool } from "./run-tool.ts";

/** Beside what every Debian has: an init, and what the package depends on, so that nothing is fetched in a test. */
const INCLUDED = ["systemd", "systemd-sysv", "dbus", "libatomic1", "libgcc-s1", "libstdc++6", "openssh-server"];

/**
 * A minimal Debian of this machine's release, made from where this machine gets its packages, once: it is kept in `cache`.
 *
 * @throws Error when it cannot be made
 */
export function baseRoot(cache: string): string {
  const [, release] = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
  if (release === undefined) {
    throw new Error("this machine does not say of which release of Debian it is");
  }
  const content = createHash("sha256").update(INCLUDED.join()).digest("hex").slice(0, 8);
  const base = join(cache, `base-${release}-${content}`);
  if (!existsSync(base)) {
    const incoming = `${base}.incoming`;
    rmSync(incoming, { recursive: true, force: true });
    mkdirSync(dirname(base), { recursive: true });
    const [mirror = ""] = runTool("apt-get", [
      ...["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main", "Origin: Debian"],
    ]).split("\n");
    runTool("debootstrap", ["--variant=minbase", `--include=${INCLUDED.join(",")}`, release, incoming, mirror]);
    renameSync(incoming, base);
  }
  return base;
}
