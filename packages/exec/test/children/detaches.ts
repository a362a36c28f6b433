// A parent that starts a child, lets it go, says who it is, and ends.
import { ParentHandle } from "@nodemanager/exec";

const [dir = "", lifelinePath] = process.argv.slice(2);
const child = await ParentHandle.spawn(
  {
    file: "/bin/sh",
    args: ["-c", "echo ready >&4; exec sleep 600"],
    cwd: dir,
    env: { PATH: "/usr/bin:/bin" },
    stdoutPath: `${dir}/stdout`,
    stderrPath: `${dir}/stderr`,
  },
  { protocol: "handshake", lifelinePath },
);
await child.release();
await child.waitForReady({ kind: "handshake", timeoutMs: 10_000 });
child.detach();
process.stdout.write(JSON.stringify(child.identity));
