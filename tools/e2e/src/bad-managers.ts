import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "./device.ts";
import { MANAGER, managerText, publishManager } from "./manager-versions.ts";

/** The version that every bad candidate is published as. */
export const BAD_VERSION = "6.6.6";

/** A version of the manager that a device must survive being offered. */
export interface BadManager {
  readonly name: string;
  publish(device: Device): Promise<void>;
  /** Why it is refused before the switch; nothing for one that is found out only after it. */
  readonly reason?: string;
  /** Which check of its trial it fails. */
  readonly check?: string;
  /** What the device says of why it fell back. */
  readonly why?: RegExp;
}

const WORKS = managerText(BAD_VERSION);

/** A program that does something else. */
function program(text: string): BadManager["publish"] {
  return (device) => publishManager(device, { version: BAD_VERSION, text });
}

/** The built manager with something in it replaced, which must be there. */
function changed(from: string, to: string): BadManager["publish"] {
  return async (device) => {
    if (!WORKS.includes(from)) {
      throw new Error(`the bundle has no ${from}`);
    }
    await publishManager(device, { version: BAD_VERSION, text: WORKS.replace(from, to) });
  };
}

/** The built manager, which does something first when nobody tries it. */
function afterTheSwitch(code: string): BadManager["publish"] {
  return changed("\n", `\nif(!process.env.NODED_EXEC_VERSION&&process.argv[2]==="run"){${code}}\n`);
}

/** The built manager, damaged in the repository. */
function damaged(damage: (repository: string) => void): BadManager["publish"] {
  return async (device) => {
    await publishManager(device, { version: BAD_VERSION });
    damage(join(device.dir, "repo"));
  };
}

/** The file of the binary that only the bad version has. */
function binaryIn(repository: string): string {
  const dir = join(repository, "binaries", "sha256");
  const file = readdirSync(dir).find((name) => readFileSync(join(dir, name), "utf8").includes(`"${BAD_VERSION}"`));
  if (file === undefined) {
    throw new Error("the bad version has no binary");
  }
  return join(dir, file);
}

function envelopeIn(repository: string): string {
  const dir = join(repository, "applications", encodeURIComponent(MANAGER), BAD_VERSION);
  const [file = ""] = readdirSync(dir);
  return join(dir, file);
}

export const BAD_MANAGERS: readonly BadManager[] = [
  {
    name: "has another title",
    publish: damaged((repository) => {
      const file = envelopeIn(repository);
      writeFileSync(file, readFileSync(file, "utf8").replace(`"${MANAGER}"`, '"impostor"'));
    }),
    reason: "TITLE_MISMATCH",
  },
  {
    name: "has arguments of its own",
    publish: damaged((repository) => {
      const file = envelopeIn(repository);
      writeFileSync(
        file,
        JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), args: ["--log-level", "debug"] }),
      );
    }),
    reason: "INVALID_ENVELOPE",
  },
  {
    name: "has other bytes than its digest says",
    publish: damaged((repository) => {
      const file = binaryIn(repository);
      writeFileSync(file, readFileSync(file, "utf8").replace(BAD_VERSION, "7.7.7"));
    }),
    reason: "DIGEST_MISMATCH",
  },
  {
    name: "is truncated",
    publish: damaged((repository) => truncateSync(binaryIn(repository), 1000)),
    reason: "SIZE_MISMATCH",
  },
  {
    name: "is not a program",
    publish: async (device) => {
      await publishManager(device, { version: BAD_VERSION, text: "a letter\n", profile: await profileOf(device) });
    },
    reason: "BINARY_INCOMPATIBLE",
  },
  {
    name: "is a script that nothing executes",
    publish: program("#!/no/such/interpreter\n"),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "exits at once",
    publish: program("#!/bin/sh\necho 'I would rather not' >&2\nexit 0\n"),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "hangs, and heeds no signal",
    publish: program("#!/bin/sh\ntrap '' TERM HUP INT\nwhile :; do sleep 1; done\n"),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "never calls back",
    publish: changed(
      'await callBack2({address:CALLBACK_ADDRESS,callbackId:CALLBACK_ID},"NODE_ADDRESS",address),child.ready()',
      "child.ready()",
    ),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "calls back as somebody else",
    publish: changed("callbackId:CALLBACK_ID}", 'callbackId:"somebody else"}'),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "names the address of another manager",
    publish: changed('"NODE_ADDRESS",address)', '"NODE_ADDRESS","unix:/run/noded/noded.sock")'),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "is not the version that it is published as",
    publish: (device) => publishManager(device, { version: BAD_VERSION, text: managerText("1.2.3") }),
    reason: "TRIAL_FAILED",
    check: "say its version",
  },
  {
    name: "does not end when it has moved",
    publish: changed("this.#options.onMoved()", "0"),
    reason: "TRIAL_FAILED",
    check: "end in order",
  },
  {
    name: "cannot read the format of the root",
    publish: changed("FORMAT=1,", "FORMAT=0,"),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "cannot read today's settings",
    publish: changed("SETTINGS_SCHEMA=1", "SETTINGS_SCHEMA=0"),
    reason: "TRIAL_FAILED",
    check: "call back",
  },
  {
    name: "crashes after the switch",
    publish: afterTheSwitch("process.kill(process.pid,'SIGKILL')"),
    why: /^it did not become healthy in 3 starts$/,
  },
  {
    name: "cannot start after the switch, and knows why",
    publish: afterTheSwitch("process.argv.push('--log-level','loud')"),
    why: /INVALID_CONFIG/,
  },
  {
    name: "serves, and crashes a moment later",
    publish: afterTheSwitch("setTimeout(()=>process.exit(0),250)"),
    why: /3 starts/,
  },
  {
    name: "is too slow to recover",
    publish: afterTheSwitch("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)"),
    why: /^it did not become healthy in 3 starts$/,
  },
];

async function profileOf(device: Device): Promise<string> {
  const description: unknown = JSON.parse(await device.ok("-o", "json", "describe"));
  if (typeof description !== "object" || description === null || !("profiles" in description)) {
    throw new Error("the device supports no profile");
  }
  const [profile]: unknown[] = Array.isArray(description.profiles) ? description.profiles : [];
  return String(profile);
}
