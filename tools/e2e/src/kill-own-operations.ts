import { existsSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openRepository, parseRepositoryAddress, publish } from "@nodemanager/repository";
import { connectNode } from "@nodemanager/rpc/client";
import { parseAddress } from "@nodemanager/transport";
import type { KillOperation } from "./kill-operation.ts";
import type { KillWorld, OwnStart } from "./kill-world.ts";
import { LongRunning } from "./long-running.ts";
import { MANAGER, managerText } from "./manager-versions.ts";
import { NODE } from "./programs.ts";

const LOOK_MS = 20;
/** What the world's manager says that it is until it has moved for the first time. */
const FACTORY = "0.0.0";

/**
 * How a manager is started that moves itself: its sources run, and it takes itself for the bundle that the link points to, or
 * for the one that the world came with.
 */
export function movingItself(world: KillWorld): OwnStart {
  const factory = join(world.dir, "noded");
  if (!existsSync(factory)) {
    writeFileSync(factory, managerText(FACTORY), { mode: 0o755 });
  }
  const link = linkOf(world);
  const program = existsSync(link) ? join(dirname(realpathSync(link)), "noded") : factory;
  return {
    args: ["--current-link", link, "--origin", `file:${world.dir}/repo/${encodeURIComponent(MANAGER)}`],
    env: { NM_PROGRAM: program, PATH: `${dirname(NODE)}:${process.env.PATH}` },
  };
}

const updateManager: KillOperation = {
  name: "update nm",
  prepare: publishManagerAnew,
  async run(world, _, requestId) {
    await world.acknowledged(world.client.node.update({ requestId }));
    return await world.endsInOrder();
  },
  check,
  repeat,
};

const revertManager: KillOperation = {
  name: "revert nm",
  async prepare(world) {
    const { previousVersion } = await world.client.node.status({});
    if (previousVersion === "") {
      await publishManagerAnew(world);
      await world.call(world.client.node.update({}));
      await world.endsInOrder();
      await world.start();
    }
    return (await world.client.node.status({})).previousVersion;
  },
  async run(world, _, requestId) {
    await world.acknowledged(world.client.node.revert({ requestId }));
    return await world.endsInOrder();
  },
  check,
  repeat,
};

/** What moves the manager itself, for a world that is made with {@link movingItself}. */
export const KILL_OWN_OPERATIONS: readonly KillOperation[] = [updateManager, revertManager];

/** The old version or the new one works, nothing of a candidate is left that is neither. */
async function check(world: KillWorld, target: string, acknowledged: boolean): Promise<string[]> {
  const violations: string[] = [];
  const { version } = versionOfLink(world) ? await throughLink(world) : { version: FACTORY };
  if (acknowledged && version !== target) {
    violations.push(`the link starts ${version}, and ${target} was acknowledged`);
  }
  const { lastUpdate } = await world.client.node.status({});
  if (lastUpdate && lastUpdate.toWorkspace !== versionOfLink(world)) {
    violations.push(`the last update is one to ${lastUpdate.toWorkspace}, and ${versionOfLink(world)} is current`);
  }
  return violations;
}

/** The next update succeeds. */
async function repeat(world: KillWorld): Promise<string[]> {
  const wanted = await publishManagerAnew(world);
  await world.call(world.client.node.update({ requestId: "" }));
  if (!(await world.endsInOrder())) {
    return ["the manager did not end in order after its update"];
  }
  await world.start();
  const { version } = await throughLink(world);
  return version === wanted ? [] : [`the link starts ${version}, and not ${wanted}`];
}

/** Lets the version that the link points to serve until it is healthy, in place of the world's manager. */
async function throughLink(world: KillWorld): Promise<{ readonly version: string }> {
  await world.daemon.end();
  const { program } = await LongRunning.start(linkOf(world), ["--healthy-after-ms", "0", "--ready-fd", "3"], {
    env: { PATH: `${dirname(NODE)}:${process.env.PATH}` },
    cwd: world.dir,
  });
  await using _ = program;
  using client = connectNode(parseAddress(world.address));
  for (;;) {
    const { version, healthy } = await client.node.status({});
    if (healthy) {
      const { code } = await program.end();
      if (code !== 0) {
        throw new Error(`version ${version} ended with status ${code}`);
      }
      await world.start();
      return { version };
    }
    await sleep(LOOK_MS);
  }
}

const published = new WeakMap<KillWorld, number>();

/** Publishes a version of the manager that was never published before. @returns the version */
async function publishManagerAnew(world: KillWorld): Promise<string> {
  const number = (published.get(world) ?? 0) + 1;
  published.set(world, number);
  const version = `1.0.${number}`;
  const dir = join(world.dir, "candidate");
  await mkdir(dir, { recursive: true });
  const file = join(dir, "noded");
  writeFileSync(file, managerText(version), { mode: 0o755 });
  await using to = await openRepository(parseRepositoryAddress(`file:${world.dir}/repo`));
  const { profiles } = await world.client.node.describe({});
  await publish({ file, to, application: MANAGER, description: { version }, profiles: profiles.slice(0, 1) });
  return version;
}

function linkOf(world: KillWorld): string {
  return join(world.dir, "current");
}

/** The name of the directory of the version that the link points to. */
function versionOfLink(world: KillWorld): string | undefined {
  const link = linkOf(world);
  const names = readdirSync(join(world.root, "node-manager"));
  return existsSync(link) ? names.find((name) => realpathSync(link).includes(`/${name}/`)) : undefined;
}
