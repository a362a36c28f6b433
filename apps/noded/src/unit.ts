import type { Settings } from "./settings.ts";

/**
 * A systemd unit that runs noded. Instances are processes of their own: `KillMode=mixed` lets the manager end them in
 * order, `process` leaves them alone when they are to outlive it.
 */
export function unitText(settings: Settings, command: readonly string[]): string {
  return `[Unit]
Description=Node manager
After=network.target

[Service]
Type=exec
ExecStart=${command.map(quote).join(" ")}
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

/** As systemd.service(5) reads it: quoted, and neither specifiers nor variables are replaced. */
function quote(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[A-Za-z0-9_@%$+=:,./-]+$/.test(word) ? escaped : `"${escaped.replace(/["\\]/g, "\\$&")}"`;
}
