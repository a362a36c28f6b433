import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { InstanceStatus } from "@nodemanager/proto/v1";
import { mayEverybodyPass } from "@nodemanager/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { executable, install, orderly, plainScript, publish } from "../src/applications.ts";
import { Device } from "../src/device.ts";
import { NODE } from "../src/programs.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Its applications are run by this clone's Node. */
const canHaveAccounts = process.geteuid?.() === 0 && mayEverybodyPass(NODE);

/** Tries what is in TRIES, a JSON object of names and attempts, says which succeed, and goes on to run. */
const INTRUDER = `#!${NODE}
const fs = require("node:fs");
const net = require("node:net");
const connect = (path) => new Promise((resolve, reject) => {
  const socket = net.connect(path, () => { socket.destroy(); resolve(); });
  socket.on("error", reject);
});
const attempts = {
  signal: (pid) => process.kill(Number(pid), 0),
  read: (path) => fs.closeSync(fs.openSync(path, "r")),
  list: (path) => fs.readdirSync(path),
  write: (path) => fs.closeSync(fs.openSync(path, "a")),
  make: (path) => fs.writeFileSync(path, ""),
  chmod: (path) => fs.chmodSync(path, 0o777),
  connect,
};
(async () => {
  const result = {};
  for (const [name, [verb, object]] of Object.entries(JSON.parse(process.env.TRIES))) {
    result[name] = await Promise.resolve().then(() => attempts[verb](object)).then(() => "yes", (error) => error.code);
  }
  console.log(JSON.stringify(result));
  setInterval(() => {}, 1e6);
  fs.writeSync(4, "\\n");
})();
`;

describe.skipIf(!canHaveAccounts)("with accounts of their own (needs root, and a clone that others may read)", () => {
  let device: Device;
  let victim: InstanceStatus & { readonly name: string };
  let tries: Record<string, readonly [verb: string, object: string]>;

  beforeAll(async () => {
    device = await Device.start();
    const installation = await install(device, orderly(device), {
      title: "victim",
      options: ["--env", "SECRET=in the envelope"],
    });
    victim = await instanceOf(device, await device.ok("start", installation));
    const installed = dirname(dirname(dirname(victim.rootDir)));
    const [current = ""] = readdirSync(installed).filter((name) => /^\d{4}-/.test(name));
    const [sockets = ""] = readdirSync(join(device.root, "run"));
    const [lock = ""] = readdirSync(device.root).filter((name) => name.startsWith("lock-"));
    tries = {
      "signal it": ["signal", String(victim.pid)],
      "read its environment": ["read", `/proc/${victim.pid}/environ`],
      "trace it": ["read", `/proc/${victim.pid}/mem`],
      "follow its working directory": ["list", `/proc/${victim.pid}/cwd/`],
      "list its workspace": ["list", victim.rootDir],
      "write to its workspace": ["make", join(victim.rootDir, "planted")],
      "read its output": ["read", join(victim.logsDir, "stdout")],
      "write to its output": ["write", join(victim.logsDir, "stdout")],
      "read its envelope": ["read", join(installed, current, "envelope.json")],
      "read its settings": ["read", join(installed, "settings.json")],
      "run its binary": ["read", join(installed, current, "bin")],
      "list its versions": ["list", installed],
      "connect to its socket": ["connect", join(device.root, "run", sockets, "ac")],
      "connect to the manager": ["connect", join(device.dir, "s")],
      "read the lock": ["read", join(device.root, lock)],
      "read the format": ["read", join(device.root, "format")],
      "list the root": ["list", device.root],
      "list the sockets": ["list", join(device.root, "run")],
      "make a socket": ["make", join(device.root, "run", "planted")],
      "list the binaries": ["list", join(device.root, "blobs", "sha256")],
      "list the manager's versions": ["list", join(device.root, "node-manager")],
    };
  });

  afterAll(async () => {
    await device[Symbol.asyncDispose]();
  });

  async function intrude(...options: readonly string[]): Promise<{ result: Record<string, string>; name: string }> {
    const file = executable(device, "intruder.cjs", INTRUDER);
    const origin = await publish(device, { file, readiness: "fd" }, { title: "intruder" });
    const name = await device.ok("install", origin, "--env", `TRIES=${JSON.stringify(tries)}`, ...options);
    const instance = await device.ok("start", name);
    const result: Record<string, string> = JSON.parse(await device.ok("logs", instance));
    await device.ok("stop", instance);
    return { result, name };
  }

  test("an application gets at nothing of another one, nor of the manager", async () => {
    const { result } = await intrude();
    const refused = Object.fromEntries(
      Object.keys(tries).map((name) => [name, expect.stringMatching(/^E(ACCES|PERM)$/)]),
    );
    expect(result).toEqual(refused);
  });

  test("one that runs as the manager's own user gets at all of it, so the attempts are good", async () => {
    const { result, name } = await intrude("--same-user");
    expect(Object.values(result)).toEqual(Object.keys(tries).map(() => "yes"));
    expect(await userOf(device, name)).toBe("");
  });

  test("nobody can change a binary, not even its own, and everybody has its workspace and logs", async () => {
    const file = executable(
      device,
      "own.sh",
      `#!/bin/sh
try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name: yes"; else echo "$name: no"; fi; }
try append sh -c ': >> "$1"' - "$0"
try chmod chmod 777 "$0"
try replace cp /bin/true "$(dirname "$0")/bin"
try envelope cat "$(dirname "$0")/envelope.json"
try workspace touch here
try log touch "$NODED_LOGS_DIR/more"
try read-log test -r "$NODED_LOGS_DIR/stdout"
try remove-log rm -f "$NODED_LOGS_DIR/stdout"
try privileges grep -q '^NoNewPrivs:.1$' /proc/self/status
echo >&4
sleep 600
`,
    );
    const installation = await install(device, { file, readiness: "fd" }, { title: "own" });
    const instance = await device.ok("start", installation);
    expect((await device.ok("logs", instance)).split("\n")).toEqual([
      ...["append: no", "chmod: no", "replace: no", "envelope: no", "workspace: yes", "log: yes", "read-log: yes"],
      ...["remove-log: no", "privileges: yes"],
    ]);
    const { pid, rootDir } = await instanceOf(device, instance);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const uid = await userOf(device, installation);
    expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, "m"));
    expect(statSync(join(rootDir, "here")).uid).toBe(Number(uid));
    await device.ok("stop", instance);
  });

  test("each installation has another account, also when an earlier one was uninstalled, and says which", async () => {
    const first = await install(device, plainScript(device), { title: "turns" });
    const second = await install(device, plainScript(device), { title: "turns" });
    const users = [await userOf(device, first), await userOf(device, second)];
    await device.ok("uninstall", "apps/turns");
    const third = await install(device, plainScript(device), { title: "turns" });
    users.push(await userOf(device, third));
    expect(new Set(users).size).toBe(3);
    expect(await device.ok("status", third)).toContain(`as user ${users[2]}`);
    expect(await device.ok("describe")).toMatch(/isolation:\s+user/);
    expect(JSON.parse((await device.ok("debug", third)).replace(/^record:/, "")).account.uid).toBe(Number(users[2]));
  });

  test("a user of the node can be named, and gets its name", async () => {
    const file = executable(
      device,
      "who.sh",
      '#!/bin/sh\necho "$(id -un) $(id -gn) $USER $LOGNAME"; echo >&4; sleep 600\n',
    );
    const origin = await publish(device, { file, readiness: "fd" }, { title: "named" });
    const installation = await device.ok("install", origin, "--user", "daemon");
    const instance = await device.ok("start", installation);
    expect(await device.ok("logs", instance)).toBe("daemon daemon daemon daemon");
    expect(await userOf(device, installation)).toBe("daemon");
    const refused = await device.nmctl("install", origin, "--user", "nobody of that name");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("USER_NOT_AVAILABLE")]);
    const both = await device.nmctl("install", origin, "--user", "daemon", "--same-user");
    expect([both.code === 0, both.stderr]).toEqual([false, expect.stringContaining("INVALID_ARGUMENT")]);
  });

  test("an update keeps the account, for the installation and for what runs of it", async () => {
    const program = (version: string) => `#!/bin/sh\necho "${version} $(id -u)"; echo >&4; sleep 600\n`;
    const put = async (version: string) => {
      const file = executable(device, `moved-${version}`, program(version));
      return await publish(device, { file, readiness: "fd" }, { title: "moved", version });
    };
    const origin = await put("1.0.0");
    const installation = await device.ok("install", origin.replace(/@.*$/, ""));
    const instance = await device.ok("start", installation);
    const user = await userOf(device, installation);
    await put("2.0.0");
    await device.ok("update", installation);
    await device.ok("update", instance, "--restart");
    expect(await userOf(device, installation)).toBe(user);
    expect((await device.ok("logs", instance)).split("\n")).toEqual([`1.0.0 ${user}`, `2.0.0 ${user}`]);
    await device.ok("stop", instance);
  });

  test("packages can be read and run by the account, and changed by nobody", async () => {
    const origin = await publish(
      device,
      {
        file: executable(
          device,
          "packaged.sh",
          '#!/bin/sh\ncat packages/data; (: >>packages/data) 2>/dev/null || echo "no"; ls packages; echo >&4; sleep 600\n',
        ),
        readiness: "fd",
      },
      { title: "packaged", options: ["--package", `data=${executable(device, "data", "what is in it\n")}`] },
    );
    const instance = await device.ok("start", await device.ok("install", origin));
    expect(await device.ok("logs", instance)).toBe("what is in it\nno\ndata");
    await device.ok("stop", instance);
  });

  test("accounts survive the manager, and everything of theirs goes with a reset", async () => {
    const file = executable(
      device,
      "hostile.sh",
      `#!/bin/sh
mkdir -p a/b/c; ln -s /etc a/b/etc; ln -s /etc/passwd "$NODED_LOGS_DIR/link"; mkfifo a/fifo; echo >a/b/c/file
chmod 000 a/b/c a/b a
echo >&4
sleep 600
`,
    );
    const installation = await install(device, { file, readiness: "fd" }, { title: "hostile" });
    const instance = await device.ok("start", installation);
    const user = await userOf(device, installation);
    expect((await device.noded.end()).code).toBe(0);
    await device.startNoded();
    await device.noded.says("stderr", '"recovered"');
    const { pid } = await instanceOf(device, instance);
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toContain(`Uid:\t${user}\t`);
    await device.ok("reset", "--yes", "--deadline", "0s");
    expect(readdirSync(device.root).filter((name) => !/^(blobs|format|lock-\d+|node-manager|run)$/.test(name))).toEqual(
      [],
    );
    expect(readFileSync("/etc/passwd", "utf8")).toContain("root:");
  });
});

describe.skipIf(!canHaveAccounts)("where there can be no accounts (needs root to play it)", () => {
  test.each(["0-7", "1-65534", "0x70000000-0x70000001"])("a range %s is refused", async (range) => {
    await using device = await Device.make();
    const ran = await device.runNoded([...device.nodedArgs, "--account-range", range]);
    expect([ran.code, ran.stderr]).toEqual([64, expect.stringContaining("--account-range")]);
  });

  test("a range in which a user of the node lies is refused", async () => {
    await using device = await Device.make();
    const ran = await device.runNoded([...device.nodedArgs, "--account-range", "1-9"]);
    expect([ran.code, ran.stderr]).toEqual([78, expect.stringContaining("daemon")]);
  });

  test("an operator can do without", async () => {
    await using device = await Device.start({ args: ["--account-range", "none"] });
    const installation = await install(device, plainScript(device), { title: "without" });
    expect([await userOf(device, installation), statSync(device.root).mode & 0o777]).toEqual(["", 0o700]);
    expect(await device.ok("describe")).toMatch(/isolation:\s+none/);
    const origin = await publish(device, plainScript(device), { title: "daemon's" });
    const refused = await device.nmctl("install", origin, "--user", "daemon");
    expect(refused.stderr).toContain("--account-range none");
  });

  test("a directory above the root that nobody may pass is named when something is to start", async () => {
    await using device = await Device.start();
    const installation = await install(device, plainScript(device), { title: "closed" });
    chmodSync(device.dir, 0o700);
    const ran = await device.nmctl("start", installation);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(`${device.dir}: open it`)]);
    chmodSync(device.dir, 0o711);
    await device.ok("start", installation);
  });

  test("when all are in use, that is the reason", async () => {
    await using device = await Device.start({ args: ["--account-range", "1879048300-1879048301"] });
    await install(device, plainScript(device), { title: "one" });
    const two = await install(device, plainScript(device), { title: "two" });
    await device.ok("uninstall", two);
    const origin = await publish(device, plainScript(device), { title: "three" });
    const ran = await device.nmctl("install", origin);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("ACCOUNTS_EXHAUSTED")]);
    await device.ok("install", origin, "--same-user");
  });
});

async function instanceOf(device: Device, name: string): Promise<InstanceStatus & { readonly name: string }> {
  const { object } = await device.object(name);
  if (object?.$case !== "instance") {
    throw new Error(`${name} is no instance`);
  }
  return { ...object.value, name };
}

async function userOf(device: Device, name: string): Promise<string> {
  const { object } = await device.object(name);
  if (object?.$case !== "installation") {
    throw new Error(`${name} is no installation`);
  }
  return object.value.user;
}
