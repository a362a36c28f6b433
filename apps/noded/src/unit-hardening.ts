import { dirname } from "node:path";
import type { Settings } from "./settings.ts";

/** Whose unit it is: the system's, as root or as a user of its own, or one in the user manager of whoever asks. */
export type RunsAs =
  | { readonly kind: "root" }
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "caller" };

/** What a manager and the applications below it can go without. The kernel's clock, modules and raw memory. */
const NEVER_NEEDED = [
  "CAP_AUDIT_CONTROL",
  "CAP_MAC_ADMIN",
  "CAP_MAC_OVERRIDE",
  "CAP_SYSLOG",
  "CAP_SYS_BOOT",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_TIME",
];

/**
 * What the unit takes from the manager. Applications have no more than it has, so nothing is taken that one of them may
 * need: devices, namespaces (browsers put their pages in some), the control groups that it makes for them.
 * `MemoryDenyWriteExecute` would end Node at its start.
 */
export function hardening(settings: Settings, runsAs: RunsAs, command: readonly string[]): string[] {
  switch (runsAs.kind) {
    case "caller":
      // The manager of a user's units has no right to do more.
      return ["NoNewPrivileges=yes"];
    case "user":
      return [
        `User=${runsAs.user}`,
        `Group=${runsAs.user}`,
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        ...fileSystem(settings, command),
        ...KERNEL,
        // What takes a capability that nobody below has.
        "RestrictAddressFamilies=~AF_PACKET",
        "SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap",
        "SystemCallErrorNumber=EPERM",
      ];
    case "root":
      // Each installation runs as a user of its own, which takes a change of users and of owners. What is
      // executed need not bring privileges with it.
      return [
        "NoNewPrivileges=yes",
        `CapabilityBoundingSet=~${NEVER_NEEDED.join(" ")}`,
        ...fileSystem(settings, command),
        ...KERNEL,
      ];
  }
}

const KERNEL = [
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectHostname=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "UMask=0077",
];

/** As little as possible is to be seen and written; where settings name what would be out of reach, more. */
function fileSystem(settings: Settings, command: readonly string[]): string[] {
  const sockets = settings.listen.flatMap((at) => (at.kind === "unix" ? [dirname(at.path)] : []));
  const written = [settings.root, ...sockets, ...(settings.currentLink === undefined ? [] : [settings.currentLink])];
  const named = [...written, ...command, ...Object.values(settings).map(String)];
  // A path, or one behind the scheme of an origin.
  const isNamedBelow = (...dirs: readonly string[]) =>
    dirs.some((dir) => named.some((text) => `${text.replace(/^[a-z]+:/, "")}/`.startsWith(`${dir}/`)));
  // systemd makes these directories for the manager and lets it write there.
  const isAllMade = written.every((path) => /^\/(?:var\/lib|run)\/[^/]/.test(path));
  const isOfTheSystem = written.some((path) => /^\/(?:usr|boot|efi|etc)(?:\/|$)/.test(path));
  return [
    ...(isAllMade ? ["ProtectSystem=strict"] : isOfTheSystem ? [] : ["ProtectSystem=full"]),
    ...(isNamedBelow("/home", "/root", "/run/user") ? [] : ["ProtectHome=yes"]),
    // Applications that are left running keep the directory that they know, and a new start would remove it.
    ...(isNamedBelow("/tmp", "/var/tmp") || settings.shutdownPolicy === "leave" ? [] : ["PrivateTmp=yes"]),
  ];
}
