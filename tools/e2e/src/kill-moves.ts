import { ObjectState, type ObjectStatus } from "@nodemanager/proto/v1";
import { anInstallation, anInstance, expectStates, type KillOperation, wantedRuns } from "./kill-operation.ts";
import type { KillWorld } from "./kill-world.ts";

const { RUNNING } = ObjectState;

/** What a move is made with, and between which versions. */
interface Move {
  readonly name: string;
  readonly origin: string;
  readonly old: string;
  readonly new: string;
}

const update: KillOperation = {
  name: "update",
  async prepare(world) {
    return JSON.stringify(await nextVersion(world, await anInstallation(world)));
  },
  run: (world, target, requestId) => world.acknowledged(updateTo(world, moveOf(target), requestId)),
  check: (world, target, acknowledged) => expectVersion(world.installations(), moveOf(target), acknowledged),
  async repeat(world, target, requestId) {
    const move = moveOf(target);
    await world.call(updateTo(world, move, requestId));
    return [...(await expectVersion(world.installations(), move, true)), ...(await works(world, move.new))];
  },
};

const updateWithRestart: KillOperation = {
  name: "update of a running instance",
  async prepare(world) {
    const instance = await anInstance(world, RUNNING);
    const move = await nextVersion(world, await anInstallation(world));
    await world.call(updateTo(world, move, ""));
    return JSON.stringify({ ...move, name: instance });
  },
  run: (world, target, requestId) =>
    world.acknowledged(world.client.applications.update({ name: moveOf(target).name, restart: true, requestId })),
  // It was wanted all the time, on one version or the other.
  check: async (world, target, acknowledged) => [
    ...(await wantedRuns(world)),
    ...(await expectVersion(world.instances(), moveOf(target), acknowledged)),
  ],
  async repeat(world, target) {
    const move = moveOf(target);
    const [instance] = await world.instances();
    if (versionOf(instance) !== move.new) {
      await world.call(world.client.applications.update({ name: move.name, restart: true }));
    }
    return [...(await wantedRuns(world)), ...(await expectVersion(world.instances(), move, true))];
  },
};

const revert: KillOperation = {
  name: "revert",
  async prepare(world) {
    const move = await nextVersion(world, await anInstallation(world));
    await world.call(updateTo(world, move, ""));
    return JSON.stringify({ ...move, old: move.new, new: move.old });
  },
  run: (world, target, requestId) =>
    world.acknowledged(world.client.applications.revert({ name: moveOf(target).name, requestId })),
  check: (world, target, acknowledged) => expectVersion(world.installations(), moveOf(target), acknowledged),
  async repeat(world, target, requestId) {
    const move = moveOf(target);
    await world.call(world.client.applications.revert({ name: move.name, requestId }));
    return [...(await expectVersion(world.installations(), move, true)), ...(await works(world, move.new))];
  },
};

/** What moves installations and instances between versions. */
export const KILL_MOVES: readonly KillOperation[] = [update, updateWithRestart, revert];

async function nextVersion(world: KillWorld, name: string): Promise<Move> {
  const [installation] = await world.installations();
  const origin = await world.publishAnew();
  return { name, origin, old: versionOf(installation), new: origin.replace(/^.*@/, "") };
}

function updateTo({ client }: KillWorld, { name, origin }: Move, requestId: string) {
  return client.applications.updateTo({ name, origin, requestId });
}

/** The current version is one that can be started. */
async function works(world: KillWorld, version: string): Promise<string[]> {
  const [name = ""] = await world.call(world.client.applications.start({ name: "apps" }));
  const started = (await world.instances()).filter((instance) => instance.name === name);
  const wrong = expectStates(started, [["RUNNING"]]);
  await world.call(world.client.applications.stop({ name }));
  return versionOf(started[0]) === version ? wrong : [...wrong, `what was started is not version ${version}`];
}

async function expectVersion(
  objects: Promise<readonly ObjectStatus[]>,
  move: Move,
  acknowledged: boolean,
): Promise<string[]> {
  const [object] = await objects;
  const version = versionOf(object);
  const may = acknowledged ? [move.new] : [move.old, move.new];
  return may.includes(version) ? [] : [`it is on version ${version}, and not ${may.join(" or ")}`];
}

function versionOf(status: ObjectStatus | undefined): string {
  const object = status?.object;
  return object?.$case === "installation" || object?.$case === "instance" ? object.value.version : "";
}

function moveOf(target: string): Move {
  const value: Record<keyof Move, unknown> = JSON.parse(target);
  return { name: `${value.name}`, origin: `${value.origin}`, old: `${value.old}`, new: `${value.new}` };
}
