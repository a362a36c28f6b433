import { execFileSync } from "node:child_process";
import {
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { plainScript, publish } from "../src/applications.ts";
import { Device, stateName } from "../src/device.ts";

// What a disk or a hand can do to the documents of an object takes down that object, and never the manager.

const PARALLEL = 4;

/** Relative to the application's directory; all that an installation with a suspended instance has. */
const DOCUMENTS = [
  "title",
  "installation-*/settings.json",
  "installation-*/current",
  "installation-*/0001-*/envelope.json",
  "installation-*/0001-*/origin.json",
  "installation-*/0001-*/bin",
  "installation-*/instances/instance-*/instance.json",
  "installation-*/instances/instance-*/suspended",
  "installation-*/instances/instance-*/last-exit",
  "installation-*/instances/instance-*/version",
];

const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  "cut off": (file) => writeOver(file, readOr(file).subarray(0, 10)),
  empty: (file) => writeOver(file, Buffer.alloc(0)),
  "all zeros": (file) => writeOver(file, Buffer.alloc(200)),
  "of a newer format": (file) => writeOver(file, Buffer.from('{"schemaVersion":99}')),
  huge: (file) => {
    writeOver(file, Buffer.alloc(0));
    truncateSync(file, 1024 ** 3);
  },
  gone: (file) => rmSync(file),
  "a directory": (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  "a link to something else": (file) => {
    rmSync(file);
    symlinkSync("/etc/passwd", file);
  },
  "a FIFO": (file) => {
    rmSync(file);
    execFileSync("mkfifo", [file]);
  },
};

const CASES = DOCUMENTS.flatMap((document) =>
  Object.entries(DAMAGES).map(([damage, apply]) => ({
    document,
    apply,
    title: `${document.replace(/.*\//, "")} is ${damage}`,
  })),
);

test("a manager serves what is whole, whatever became of the rest", { timeout: 120_000 }, async () => {
  const device = await Device.start();
  onTestFinished(async () => {
    await device[Symbol.asyncDispose]();
  });
  const fresh = readdirSync(device.root).filter((name) => !name.startsWith("lock-"));
  const origins = await publishCases(device);
  const whole = await device.ok("start", await device.ok("install", `file:${device.dir}/repo/whole`));
  await inParallel(origins, async (origin) => {
    await device.ok("install", origin);
  });
  const installations = (await device.status("apps/*/*"))
    .map(({ name }) => name)
    .filter((name) => !whole.startsWith(name));
  await device.ok("start", ...installations);
  await device.ok("suspend", ...installations);
  await device.noded.end();
  for (const { document, apply, title } of CASES) {
    const id = installations.find((name) => name.startsWith(`apps/${title}/`))?.split("/")[2];
    const [dir = ""] = globSync(join(device.root, `app-*/installation-${id}`));
    const [file] = globSync(join(dir, "..", document));
    if (id === undefined || file === undefined) {
      throw new Error(`there is nothing for ${title}`);
    }
    apply(file);
  }

  const began = performance.now();
  await device.startNoded();
  expect(performance.now() - began).toBeLessThan(10_000);
  await device.noded.says("stderr", '"recovered"');
  expect(await device.stateOf(whole)).toBe("RUNNING");
  const objects = await device.status();
  const broken = objects.filter(({ state }) => stateName(state) === "BROKEN");
  for (const { error } of broken) {
    expect(error).toContain(device.root);
  }
  // Most damages are found; that of a document that need not be there is not, when it is gone.
  expect(broken.length).toBeGreaterThan(CASES.length / 2);

  // What is broken can be got rid of, too.
  const uninstalled = await device.nmctl("uninstall", "apps");
  expect(uninstalled.code, String(uninstalled)).toBe(0);
  expect(await device.ok("-o", "name", "ls", "apps/*/*")).toBe("");
  await device.ok("reset", "--yes");
  expect(await device.ok("-o", "name", "ls")).toBe("");
  expect(readdirSync(device.root).filter((name) => !name.startsWith("lock-"))).toEqual(fresh);
  expect((await device.noded.end()).code).toBe(0);
  expect(device.leftRunning()).toEqual([]);
});

/** An application for each case, all the same but for their titles, and a whole one. @returns the origins of the cases */
async function publishCases(device: Device): Promise<string[]> {
  await publish(device, plainScript(device), { title: "whole" });
  const applications = join(device.dir, "repo/applications");
  const [profile = ""] = globSync("*.json", { cwd: join(applications, "whole/1.0.0") });
  const envelope = readFileSync(join(applications, "whole/1.0.0", profile), "utf8");
  return CASES.map(({ title }, i) => {
    const dir = join(applications, `case-${i}/1.0.0`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, profile), envelope.replace('"whole"', JSON.stringify(title)));
    return `file:${device.dir}/repo/case-${i}`;
  });
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

/** Replaces what is there, link or hard link, by a file of its own. */
function writeOver(file: string, bytes: Buffer): void {
  rmSync(file, { force: true });
  writeFileSync(`${file}.new`, bytes, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readOr(file: string): Buffer {
  return lstatSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0);
}
