// A parent that runs out of descriptors: it starts a child with fewer and fewer left, and watches one with none.
import { closeSync, openSync } from "node:fs";
import { adopt, Containment, ParentHandle } from "@nodemanager/exec";

const [dir = "", containmentName = ""] = process.argv.slice(2);
const command = {
  file: "/bin/sh",
  args: ["-c", "exec sleep 600"],
  cwd: dir,
  env: { PATH: "/usr/bin:/bin" },
  stdoutPath: `${dir}/child-stdout`,
  stderrPath: `${dir}/child-stderr`,
};
const taken: number[] = [];

function takeAll(): void {
  try {
    for (;;) {
      taken.push(openSync("/dev/null", "r"));
    }
  } catch {
    // None is left.
  }
}

function giveBack(count: number): void {
  for (const fd of taken.splice(0, count)) {
    closeSync(fd);
  }
}

await using containment = await Containment.detect({ name: containmentName });
await containment.prepare();
const outcomes: string[] = [];
for (let free = 0; free <= 16; free++) {
  takeAll();
  giveBack(free);
  try {
    const lifelinePath = `${dir}/lifeline-${free}`;
    const child = await ParentHandle.spawn(command, { protocol: "handshake", containment, lifelinePath });
    giveBack(Number.POSITIVE_INFINITY);
    await child[Symbol.asyncDispose]();
    outcomes.push("started");
  } catch (error) {
    outcomes.push(error instanceof Error && "reason" in error ? String(error.reason) : String(error));
  }
  giveBack(Number.POSITIVE_INFINITY);
  await containment.prepare();
}

const child = await ParentHandle.spawn(command, { protocol: "none", containment });
takeAll();
let looks = 0;
const watched = adopt(child.identity, {
  signal: new AbortController().signal,
  clock: {
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    async sleep() {
      looks += 1;
      if (looks === 3) {
        giveBack(Number.POSITIVE_INFINITY);
        await child[Symbol.asyncDispose]();
      }
    },
  },
});
const exit = await watched.exited;
process.stdout.write(JSON.stringify({ outcomes, exit: exit.kind, looks }));
