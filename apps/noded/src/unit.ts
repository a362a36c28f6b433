import { dirname } from "node:path";
import { formatAddress } from "@nodemanager/transport";
import { EXIT } from "./exit-codes.ts";
import { flagOf, SETTINGS, type Settings } from "./settings.ts";
import { hardening, type RunsAs } from "./unit-hardening.ts";

export interface UnitOptions {
  /** What systemd runs: an absolute path, and its arguments. */
  readonly command: readonly string[];
  readonly runsAs: RunsAs;
  /** Whether the manager speaks to systemd itself, or a child does for it; see {@link SystemdNotifier}. */
  readonly notifies: "itself" | "through a child";
}

/**
 * A systemd unit for a manager with these settings. Instances are the manager's to end, and systemd leaves them alone: a
 * manager that was shut down has suspended them, or lets them go on, as its policy says; the one that follows a manager that
 * crashed suspends them in order and resumes them, and what systemd had killed by then would count as having failed.
 */
export function unitText(settings: Settings, o: UnitOptions): string {
  return `[Unit]
Description=Node manager
Documentation=man:noded(8) man:nmctl(1)
After=network.target
# A device without its manager is out of reach: it is started again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=${o.notifies === "itself" ? "main" : "all"}
WatchdogSec=30
ExecStart=${o.command.map(quote).join(" ")}
Environment=MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536
${restart(settings)}RestartSec=2
# It switched to another version of itself.
RestartForceExitStatus=${EXIT.restart}
SuccessExitStatus=${EXIT.restart}
${preventedRestarts(settings)}KillMode=process
TimeoutStartSec=300
TimeoutStopSec=120
Delegate=yes
LimitNOFILE=65536
${[...directories(settings, o.runsAs), ...hardening(settings, o.runsAs, o.command)].join("\n")}

[Install]
WantedBy=${o.runsAs.kind === "caller" ? "default.target" : "multi-user.target"}
`;
}

/** The command of a unit that says all that the settings come to: systemd has none of the caller's environment. */
export function runCommand(settings: Settings, program: string): string[] {
  // The descriptor is one that systemd does not pass on.
  const flags = SETTINGS.filter(({ key }) => key !== "readyFd").flatMap(({ key }) => {
    const value = key === "listen" ? settings.listen.map(formatAddress) : settings[key];
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return values.flatMap((item) => [`--${flagOf(key)}`, String(item)]);
  });
  return [program, "run", ...flags];
}

/**
 * A version that the manager switched to may end with any status, and gives way to the one before it after a few starts:
 * systemd has to make them.
 */
function restart(settings: Settings): string {
  return `Restart=${settings.currentLink === undefined ? "on-failure" : "always"}\n`;
}

/**
 * A newer format, wrong arguments or settings do not get better by starting again; unless it is a version that the manager
 * switched to, which gives way to the one before it after a few starts.
 */
function preventedRestarts(settings: Settings): string {
  const statuses = [EXIT.usage, EXIT.formatTooNew, EXIT.config];
  return settings.currentLink === undefined ? `RestartPreventExitStatus=${statuses.join(" ")}\n` : "";
}

/** The directories that systemd makes, with the owner that they need, when they are where it makes such directories. */
function directories(settings: Settings, runsAs: RunsAs): string[] {
  if (runsAs.kind === "caller") {
    return [];
  }
  const state = [settings.root, settings.currentLink].map((path) => below("/var/lib/", path));
  const runtime = settings.listen.map((at) => below("/run/", at.kind === "unix" ? dirname(at.path) : undefined));
  // Installations that run as users of their own get to what is theirs through directories in which they see nothing.
  const stateMode = runsAs.kind === "root" ? "0711" : "0700";
  return [...option("StateDirectory", state, stateMode), ...option("RuntimeDirectory", runtime, "0700")];
}

/** The first name below `base`: systemd makes it there. */
function below(base: string, path: string | undefined): string | undefined {
  return path?.startsWith(base) ? path.slice(base.length).split("/")[0] : undefined;
}

function option(name: string, values: readonly (string | undefined)[], mode: string): string[] {
  const given = [...new Set(values.filter((value) => value !== undefined))];
  return given.length > 0 ? [`${name}=${given.map(quote).join(" ")}`, `${name}Mode=${mode}`] : [];
}

/** As systemd.service(5) reads it: quoted, and neither specifiers nor variables are replaced. */
function quote(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[A-Za-z0-9_@%$+=:,./-]+$/.test(word) ? escaped : `"${escaped.replace(/["\\]/g, "\\$&")}"`;
}
