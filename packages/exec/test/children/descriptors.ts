// A parent that was started with descriptors it did not open. It closes them, starts a child and says what the child has.
import { closeInheritedDescriptors, ParentHandle } from "@nodemanager/exec";

const [dir = "", keep = "", protocol = "none", lifelinePath] = process.argv.slice(2);
const closed = closeInheritedDescriptors({ keep: new Set(keep.split(",").filter(Boolean).map(Number)) });
await using child = await ParentHandle.spawn(
  {
    file: "/bin/sh",
    args: ["-c", 'ls /proc/$$/fd; exec grep -E "^Sig(Blk|Ign)" /proc/self/status >&2'],
    cwd: dir,
    env: { PATH: "/usr/bin:/bin" },
    stdoutPath: `${dir}/stdout`,
    stderrPath: `${dir}/stderr`,
  },
  {
    protocol: protocol === "fd" || protocol === "handshake" ? protocol : "none",
    lifelinePath: lifelinePath || undefined,
  },
);
await child.release();
await child.exited;
process.stdout.write(JSON.stringify(closed));
