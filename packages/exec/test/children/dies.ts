// A parent that is killed by SIGKILL at a given step of a start. It says the launch id before it begins and, once the
// gate may be open, that it releases. The argument is the step.
import { writeSync } from "node:fs";
import { Containment, ParentHandle, type Protocol } from "@nodemanager/exec";

const [dir = "", launchId = "", protocolName = "none", step = "", containmentName, prepares] = process.argv.slice(2);
const protocol: Protocol = protocolName === "fd" || protocolName === "handshake" ? protocolName : "none";
const containment = containmentName ? await Containment.detect({ name: containmentName }) : Containment.none();
if (prepares) {
  await containment.prepare();
}

/** Here the parent is killed, or waits to be. */
function reached(name: string): void {
  if (name === step) {
    process.kill(process.pid, "SIGKILL");
  }
}

reached("before-spawn");
const spawning = ParentHandle.spawn(
  {
    file: "/bin/sh",
    args: ["-c", "echo ran; exec sleep 600"],
    cwd: dir,
    env: { PATH: "/usr/bin:/bin" },
    stdoutPath: `${dir}/stdout`,
    stderrPath: `${dir}/stderr`,
  },
  { protocol, launchId, containment, lifelinePath: `${dir}/lifeline` },
);
reached("spawning");
const child = await spawning;
writeSync(1, "spawned\n");
reached("spawned");
await new Promise(setImmediate);
reached("turn-later");
if (step === "waiting") {
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
writeSync(1, "releasing\n");
await child.release({ values: {}, secret: "" });
reached("released");
await new Promise((resolve) => setTimeout(resolve, 60_000));
