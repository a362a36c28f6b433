import { formatAddress } from "@nodemanager/transport";
import { flagOf, SETTINGS, type Settings } from "./settings.ts";

/**
 * A systemd unit that runs noded with these settings, wherever they came from: systemd has another working directory and
 * none of the caller's environment. Instances are processes of their own: `KillMode=mixed` lets the manager end them in
 * order, `process` leaves them alone when they are to outlive it.
 */
export function unitText(settings: Settings, program: string): string {
  return `[Unit]
Description=Node manager
After=network.target

[Service]
Type=exec
ExecStart=${[program, "run", ...flags(settings)].map(quote).join(" ")}
Restart=on-failure
RestartSec=2
# A newer format, wrong arguments or settings do not get better by starting again.
RestartPreventExitStatus=64 65 78
KillMode=${settings.shutdownPolicy === "leave" ? "process" : "mixed"}
TimeoutStopSec=60
Delegate=yes
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** All settings as flags, but the descriptor, which systemd does not pass on. */
function flags(settings: Settings): string[] {
  return SETTINGS.filter(({ key }) => key !== "readyFd").flatMap(({ key }) => {
    const value = key === "listen" ? settings.listen.map(formatAddress) : settings[key];
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return values.flatMap((item) => [`--${flagOf(key)}`, String(item)]);
  });
}

/** As systemd.service(5) reads it: quoted, and neither specifiers nor variables are replaced. */
function quote(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[A-Za-z0-9_@%$+=:,./-]+$/.test(word) ? escaped : `"${escaped.replace(/["\\]/g, "\\$&")}"`;
}
