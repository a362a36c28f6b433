// A child in TypeScript that speaks the exec protocol. What it does is in its arguments, one after the other.
import { existsSync, readlinkSync } from "node:fs";
import { ChildError, childHandle } from "@nodemanager/exec/child";

const version = process.env.NODED_EXEC_VERSION;
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const attempt = (what: () => void) => {
  try {
    what();
    say("done");
  } catch (error) {
    say(error instanceof ChildError ? error.reason : String(error));
  }
};

try {
  const handle = await childHandle();
  for (const step of process.argv.slice(2)) {
    switch (step) {
      case "config":
        say({ config: handle.config, secret: handle.secret, version, now: process.env.NODED_EXEC_VERSION ?? null });
        break;
      case "same":
        say((await childHandle()) === handle);
        break;
      case "closed":
        say(!existsSync("/proc/self/fd/4") || !readlinkSync("/proc/self/fd/4").startsWith("socket"));
        break;
      case "ready":
        attempt(() => handle.ready());
        break;
      case "wait":
        say("waiting");
        await new Promise<void>((resolve) => {
          const timer = setInterval(() => {}, 60_000);
          process.once("SIGUSR1", () => {
            clearInterval(timer);
            resolve();
          });
        });
        break;
      case "stay":
        setInterval(() => {}, 60_000);
        break;
      default:
        attempt(() => handle.failed(step));
    }
  }
} catch (error) {
  say(error instanceof ChildError ? error.reason : String(error));
  process.exitCode = 7;
}
