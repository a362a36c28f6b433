import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { COMPLETION_SCRIPTS } from "@nodemanager/nmctl/manual";
import { loadSettings } from "@nodemanager/noded/settings";
import { unitText } from "@nodemanager/noded/unit";
import { type Arch, DEBIAN_ARCH } from "./arch.ts";
import { debianVersion } from "./debian-version.ts";
import { checksums, type Entries, type Entry, installedSize, writeTree } from "./file-tree.ts";
import { nmctlPage, nodedPage } from "./manual-pages.ts";
import type { Compression } from "./options.ts";
import { roff } from "./roff.ts";
import { runTool } from "./run-tool.ts";

export interface DebianPackageOptions {
  readonly arch: Arch;
  /** Of the manager, a semantic version. */
  readonly version: string;
  /** That serves as `noded` and as `nmctl`. */
  readonly executable: string;
  readonly nodeLicense: string;
  readonly packageLicenses: string;
  readonly compression: Compression;
  /** The time of everything in the package, in seconds: the same input gives the same bytes. */
  readonly time: number;
  readonly output: string;
  /** A directory for what is needed on the way. */
  readonly scratch: string;
}

const DEBIAN = join(import.meta.dirname, "../debian");
const MAINTAINER = "The node manager's maintainers <maintainers@nodemanager.invalid>";

/** Makes the Debian package. */
export function buildDebianPackage(o: DebianPackageOptions): void {
  const tree = join(o.scratch, `deb-${o.arch}`);
  rmSync(tree, { recursive: true, force: true });
  const entries = packageEntries(o);
  writeTree(tree, entries, o.time);
  writeTree(join(tree, "DEBIAN"), controlEntries(o, tree, entries), o.time);
  const incoming = join(o.scratch, `${o.arch}.deb`);
  mkdirSync(dirname(o.output), { recursive: true });
  const flags = ["--root-owner-group", `-Z${o.compression}`, ...(o.compression === "zstd" ? ["-z3"] : [])];
  runTool("dpkg-deb", [...flags, "--build", tree, incoming], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(o.time) },
  });
  renameSync(incoming, o.output);
  rmSync(tree, { recursive: true });
}

/** The unit of the package: what it starts is the version that the manager switched to, if it did. */
export function packagedUnit(): string {
  const config = join(DEBIAN, "noded.json");
  const settings = loadSettings({ args: ["--config", config], env: {}, uid: 0, home: "/root" });
  return unitText(settings, {
    command: ["/usr/lib/noded/noded-start"],
    runsAs: { kind: "user", user: "noded" },
    notifies: "itself",
  });
}

function packageEntries(o: DebianPackageOptions): Entries {
  const edition = { version: o.version, date: new Date(o.time * 1000).toISOString().slice(0, 10) };
  const doc = "usr/share/doc/noded";
  return {
    "usr/lib/noded/noded": { kind: "copy", of: o.executable, mode: 0o755 },
    "usr/lib/noded/noded-start": shipped("noded-start", 0o755),
    "usr/sbin/noded": { kind: "link", target: "../lib/noded/noded" },
    "usr/bin/nmctl": { kind: "link", target: "../lib/noded/noded" },
    "etc/noded/noded.json": shipped("noded.json"),
    "lib/systemd/system/noded.service": text(packagedUnit()),
    "usr/lib/sysusers.d/noded.conf": shipped("sysusers.conf"),
    "usr/share/man/man8/noded.8.gz": compressed(roff(nodedPage(edition))),
    "usr/share/man/man1/nmctl.1.gz": compressed(roff(nmctlPage(edition))),
    "usr/share/bash-completion/completions/nmctl": text(COMPLETION_SCRIPTS.bash),
    "usr/share/zsh/vendor-completions/_nmctl": text(COMPLETION_SCRIPTS.zsh),
    "usr/share/fish/vendor_completions.d/nmctl.fish": text(COMPLETION_SCRIPTS.fish),
    "usr/share/lintian/overrides/noded": shipped("lintian-overrides"),
    [`${doc}/changelog.gz`]: compressed(changelog(o)),
    [`${doc}/copyright`]: shipped("copyright"),
    [`${doc}/examples/leave.conf`]: shipped("leave.conf"),
    [`${doc}/node-licenses.txt.gz`]: compressed(o.nodeLicense),
    [`${doc}/packages-licenses.txt.gz`]: compressed(o.packageLicenses),
  };
}

function controlEntries(o: DebianPackageOptions, tree: string, entries: Entries): Entries {
  return {
    control: text(`Package: noded
Version: ${debianVersion(o.version)}
Architecture: ${DEBIAN_ARCH[o.arch]}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedSize(tree, entries)}
Depends: libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 12), systemd | systemd-standalone-sysusers | systemd-sysusers
Section: admin
Priority: optional
Description: manager of the applications of a device
 noded installs applications from a repository, keeps their versions side by
 side, runs instances of them, moves them to a newer version and back, and
 replaces itself the same way. nmctl operates one device or many from a
 workstation.
 .
 Node.js is part of the package.
`),
    conffiles: text("/etc/noded/noded.json\n"),
    md5sums: text(checksums(tree, entries)),
    postinst: shipped("postinst", 0o755),
    prerm: shipped("prerm", 0o755),
    postrm: shipped("postrm", 0o755),
  };
}

function changelog(o: DebianPackageOptions): string {
  // As RFC 5322 has it, and Debian; in UTC whatever the machine's zone.
  const date = new Date(o.time * 1000).toUTCString().replace("GMT", "+0000");
  return `noded (${debianVersion(o.version)}) unstable; urgency=medium

  * Version ${o.version} of the node manager.

 -- ${MAINTAINER}  ${date}
`;
}

function shipped(name: string, mode?: number): Entry {
  return { kind: "copy", of: join(DEBIAN, name), ...(mode !== undefined && { mode }) };
}

function text(content: string | undefined): Entry {
  if (content === undefined) {
    throw new Error("a file of the package has no content");
  }
  return { kind: "text", text: content };
}

/** Without a name and a time in it. */
function compressed(content: string): Entry {
  return { kind: "text", text: gzipSync(content, { level: 9 }) };
}
