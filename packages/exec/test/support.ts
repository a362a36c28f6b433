import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, ParentHandle, type Protocol, readProcessIdentity, type SpawnOptions } from "@nodemanager/exec";
import { type TempDir, tempDir } from "@nodemanager/testing";
import { vi } from "vitest";

/** A workspace with commands that run in it and logs of theirs. */
export interface Workspace extends AsyncDisposable {
  readonly dir: string;
  command(file: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Command;
  sh(script: string, env?: Readonly<Record<string, string>>): Command;
  /** One of `test/children`: TypeScript or Python. */
  child(name: string, ...args: readonly string[]): Command;
  stdout(): string;
  stderr(): string;
  /** Waits until the child has written a text that matches to its stdout. */
  says(text: string | RegExp): Promise<string>;
}

export const PATH = "/usr/local/bin:/usr/bin:/bin";

export async function workspace(): Promise<Workspace> {
  const temp: TempDir = await tempDir();
  const dir = temp.path;
  const read = (name: string) => {
    try {
      return readFileSync(join(dir, name), "utf8");
    } catch {
      return "";
    }
  };
  const command = (file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = { PATH }) => ({
    file,
    args,
    cwd: dir,
    env,
    stdoutPath: join(dir, "stdout"),
    stderrPath: join(dir, "stderr"),
  });
  return {
    dir,
    command,
    sh: (script, env) => command("/bin/sh", ["-c", script], env),
    child(name, ...args) {
      const path = fileURLToPath(new URL(`children/${name}`, import.meta.url));
      return name.endsWith(".py")
        ? command(python(), [path, ...args])
        : command(process.execPath, ["--conditions=@nodemanager/source", path, ...args]);
    },
    stdout: () => read("stdout"),
    stderr: () => read("stderr"),
    says: async (text) =>
      await vi.waitFor(
        () => {
          const said = read("stdout");
          if (typeof text === "string" ? !said.includes(text) : !text.test(said)) {
            throw new Error(`it did not say ${text}: ${said}${read("stderr")}`);
          }
          return said;
        },
        { timeout: 15_000, interval: 5 },
      ),
    [Symbol.asyncDispose]: async () => await temp[Symbol.asyncDispose](),
  };
}

/** Starts a command and opens its gate. */
export async function started(
  command: Command,
  protocol: Protocol,
  options: Partial<SpawnOptions> & {
    readonly values?: Readonly<Record<string, string>>;
    readonly secret?: string;
  } = {},
): Promise<ParentHandle> {
  const { values = {}, secret = "", ...rest } = options;
  const handle = await ParentHandle.spawn(command, { ...rest, protocol });
  await handle.release({ values, secret });
  return handle;
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** The pids of living processes that carry the launch id in their environment. */
export function processesOf(launchId: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/environ`, "latin1").includes(`NODED_LAUNCH_ID=${launchId}\0`) &&
          readProcessIdentity(pid) !== undefined
        );
      } catch {
        return false;
      }
    });
}

export function python(): string {
  const found = ["/usr/bin/python3", "/usr/local/bin/python3"].find((file) => {
    try {
      readFileSync(file);
      return true;
    } catch {
      return false;
    }
  });
  return found ?? "/usr/bin/python3";
}
