import { chmodSync, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NodeError } from "@nodemanager/core";
import type { Accounts, InstallOptions } from "@nodemanager/manager";
import { openRepository } from "@nodemanager/repository";
import { collect, failureOf, reasonOf } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { publication } from "../support/applications.ts";
import { TestNode } from "../support/test-node.ts";

const isRoot = process.geteuid?.() === 0;
const FIRST = 1_879_100_010;

function accountsWith(pool: Accounts["pool"], uid = 0): Accounts {
  const users = [
    { name: "me", uid, gid: uid },
    { name: "daemon", uid: 1, gid: 1 },
    { name: "inside", uid: FIRST, gid: 1 },
  ];
  return { uid, pool, lookUp: (user) => users.find((one) => one.name === user || String(one.uid) === user) };
}

const POOL = { kind: "range", range: { first: FIRST, last: FIRST + 1 } } as const;
const NONE = { kind: "none", why: "the manager does not run as root" } as const;

async function refusal(node: TestNode, options: InstallOptions): Promise<string> {
  const before = await node.listing();
  const failure = await failureOf(node.install({ mode: "steady" }, options));
  expect(await node.listing()).toEqual(before);
  return failure.reason;
}

describe("whom an installation runs as", () => {
  test.concurrent("without accounts it is the manager's own user, and nobody else can be asked for", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(NONE, 4711) });
    for (const options of [{}, { user: "" }, { sameUser: true }, { user: "me" }, { user: "4711" }]) {
      expect((await node.installation(await node.install({ mode: "steady" }, options))).user).toBe("");
    }
    expect(await refusal(node, { user: "daemon" })).toBe("USER_NOT_AVAILABLE");
    expect(await refusal(node, { user: "unheard-of" })).toBe("USER_NOT_AVAILABLE");
    expect((await node.manager.describe()).isolation).toBe("none");
  });

  test.concurrent("a manager that was told nothing of accounts knows no user", async () => {
    await using node = await TestNode.open();
    expect(await refusal(node, { user: "root" })).toBe("USER_NOT_AVAILABLE");
    expect((await node.manager.describe()).isolation).toBe("none");
  });

  test.concurrent("two answers are none, and who lies in the range is nobody's to name", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(POOL) });
    expect(await refusal(node, { user: "daemon", sameUser: true })).toBe("INVALID_ARGUMENT");
    expect(await refusal(node, { user: "inside" })).toBe("USER_NOT_AVAILABLE");
    expect((await node.manager.describe()).isolation).toBe("user");
  });
});

describe.skipIf(!isRoot)("with accounts of their own (needs root)", () => {
  test.concurrent("each has one until there are no more, and one that fails has none", async () => {
    let isBroken = true;
    await using node = await TestNode.open({
      accounts: accountsWith(POOL),
      openRepository: async (address) => {
        if (isBroken) {
          throw new NodeError("REPOSITORY_UNAVAILABLE", "it is not there");
        }
        return await openRepository(address, {});
      },
    });
    for (let n = 0; n < 3; n += 1) {
      expect(await refusal(node, {})).toBe("REPOSITORY_UNAVAILABLE");
    }
    isBroken = false;
    const users = [];
    for (let n = 0; n < 2; n += 1) {
      users.push((await node.installation(await node.install({ mode: "steady" }))).user);
    }
    expect(users.sort()).toEqual([`${FIRST}`, `${FIRST + 1}`]);
    expect(await refusal(node, {})).toBe("ACCOUNTS_EXHAUSTED");
    await collect(node.manager.reset({}));
    expect(await node.install({ mode: "steady" })).toContain("apps/steady/");
  });

  test.concurrent("an instance has its account, in its process and in its workspace, also after a crash", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(POOL), policy: "leave" });
    const { installation, instance, pid } = await node.running({ mode: "steady" });
    const { user } = await node.installation(installation);
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toContain(`Uid:\t${user}\t${user}\t`);
    const { rootDir } = await node.instance(instance);
    expect(statSync(join(rootDir, "rest")).uid).toBe(Number(user));
    await node.crash();
    await node.reopen();
    expect(await node.pid(instance)).toBe(pid);
    await collect(node.manager.restart(instance));
    const again = await node.pid(instance);
    expect(readFileSync(`/proc/${again}/status`, "utf8")).toContain(`Gid:\t${user}\t${user}\t`);
    expect(await node.manager.debug(installation)).toContain(`"uid": ${user}`);
  });

  test.concurrent("an application with an app cycle gets at its own sockets, and at those of nobody else", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(POOL) });
    const { installation, instance } = await node.running({ title: "cycle", appCycle: "orderly" });
    const uid = Number((await node.installation(installation)).user);
    const [dir = ""] = await readdir(node.root.runDir);
    const stat = statSync(join(node.root.runDir, dir));
    expect([stat.uid, stat.gid, stat.mode & 0o777]).toEqual([uid, uid, 0o700]);
    const events = await collect(node.manager.stop(instance));
    expect(events).toContainEqual(expect.objectContaining({ kind: "progress", unit: "tasks", done: 3, goal: 3 }));
    expect(await readdir(node.root.runDir)).toEqual([]);
  });

  test.concurrent("a named one has its name in the environment, unless the envelope says otherwise", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(POOL) });
    const env = { LOGNAME: "somebody" };
    const installation = await node.install({ mode: "environment", env }, { user: "1" });
    const { logsDir } = await node.instance(await node.start(installation));
    const lines = readFileSync(join(logsDir, "stdout"), "utf8").split("\n");
    expect(lines).toEqual(expect.arrayContaining(["USER=daemon", "LOGNAME=somebody"]));
    expect((await node.installation(installation)).user).toBe("daemon");
  });

  test.concurrent("where its user may not pass, the start says which directory it is and the instance why", async () => {
    await using node = await TestNode.open({ accounts: accountsWith(POOL) });
    const installation = await node.install({ mode: "steady" });
    chmodSync(node.dir, 0o700);
    const failure = await failureOf(collect(node.manager.start(installation)));
    expect([failure.reason, failure.metadata.path]).toEqual(["SPAWN_FAILED", node.dir]);
    const instance = await node.firstInstance(installation);
    expect((await node.instance(instance)).suspension?.why).toContain(node.dir);
    chmodSync(node.dir, 0o711);
    await collect(node.manager.resume(instance));
    expect(await node.state(instance)).toBe("running");
  });
});

test.concurrent("what is refused is refused before anything is fetched", async () => {
  let opened = 0;
  await using node = await TestNode.open({
    accounts: accountsWith(NONE, 4711),
    openRepository: async (address) => {
      opened += 1;
      return await openRepository(address, {});
    },
  });
  const origin = await publication({ mode: "steady" });
  expect(await reasonOf(collect(node.manager.install(origin, { user: "daemon" })))).toBe("USER_NOT_AVAILABLE");
  expect(opened).toBe(0);
});
