import { ObjectState } from "@nodemanager/proto/v1";
import { KILL_MOVES } from "./kill-moves.ts";
import { anInstallation, anInstance, expectStates, type KillOperation, unless, wantedRuns } from "./kill-operation.ts";

const { RUNNING, SUSPENDED } = ObjectState;

const install: KillOperation = {
  name: "install",
  async prepare(world) {
    await world.call(world.client.applications.uninstall({ name: "apps" }));
    return await world.publishAnew();
  },
  run: (world, origin, requestId) =>
    world.acknowledged(world.client.applications.install({ origin, env: {}, args: [], requestId })),
  async check(world, _, acknowledged) {
    const found = await world.installations();
    return expectStates(found, [[], ["INSTALLED"]], acknowledged ? ["INSTALLED"] : undefined);
  },
  async repeat(world, origin, requestId) {
    await world.call(world.client.applications.install({ origin, env: {}, args: [], requestId }));
    return expectStates(await world.installations(), [["INSTALLED"]]);
  },
};

const installArchive: KillOperation = {
  ...install,
  name: "install of an archive",
  async prepare(world) {
    await world.call(world.client.applications.uninstall({ name: "apps" }));
    return await world.publishAnew("archive");
  },
  async repeat(world, origin, requestId) {
    const wrong = await install.repeat(world, origin, requestId);
    // The program is one of the files: what was installed is whole enough to run.
    await world.call(world.client.applications.start({ name: "apps" }));
    return [...wrong, ...expectStates(await world.instances(), [["RUNNING"]])];
  },
};

const start: KillOperation = {
  name: "start",
  async prepare(world) {
    const installation = await anInstallation(world);
    await world.call(world.client.applications.stop({ name: "apps" }));
    return installation;
  },
  run: (world, name, requestId) => world.acknowledged(world.client.applications.start({ name, requestId })),
  async check(world, _, acknowledged) {
    const allowed = [[], ["SUSPENDED"], ["RUNNING"]];
    return expectStates(await world.instances(), allowed, acknowledged ? ["RUNNING"] : undefined);
  },
  async repeat(world, name, requestId) {
    await world.call(world.client.applications.start({ name, requestId }));
    return expectStates(await world.instances(), [["RUNNING"]]);
  },
};

const suspend: KillOperation = {
  name: "suspend",
  prepare: (world) => anInstance(world, RUNNING),
  run: (world, name, requestId) => world.acknowledged(world.client.applications.suspend({ name, requestId })),
  async check(world, _, acknowledged) {
    const allowed = [["RUNNING"], ["SUSPENDED"]];
    return expectStates(await world.instances(), allowed, acknowledged ? ["SUSPENDED"] : undefined);
  },
  async repeat(world, name) {
    await unless(["INSTANCE_NOT_RUNNING"], world.call(world.client.applications.suspend({ name })));
    return expectStates(await world.instances(), [["SUSPENDED"]]);
  },
};

const resume: KillOperation = {
  name: "resume",
  prepare: (world) => anInstance(world, SUSPENDED),
  run: (world, name, requestId) => world.acknowledged(world.client.applications.resume({ name, requestId })),
  async check(world, _, acknowledged) {
    const allowed = [["RUNNING"], ["SUSPENDED"]];
    return expectStates(await world.instances(), allowed, acknowledged ? ["RUNNING"] : undefined);
  },
  async repeat(world, name) {
    await unless(["INSTANCE_RUNNING"], world.call(world.client.applications.resume({ name })));
    return expectStates(await world.instances(), [["RUNNING"]]);
  },
};

const stop: KillOperation = {
  name: "stop",
  prepare: (world) => anInstance(world, RUNNING),
  run: (world, name, requestId) => world.acknowledged(world.client.applications.stop({ name, requestId })),
  async check(world, _, acknowledged) {
    return expectStates(await world.instances(), [["RUNNING"], []], acknowledged ? [] : undefined);
  },
  async repeat(world, name) {
    await unless(["INSTANCE_NOT_FOUND"], world.call(world.client.applications.stop({ name })));
    return expectStates(await world.instances(), [[]]);
  },
};

const uninstall: KillOperation = {
  name: "uninstall",
  async prepare(world) {
    const [installation = ""] = (await anInstance(world, RUNNING)).match(/^apps\/[^/]+\/[^/]+/) ?? [];
    return installation;
  },
  run: (world, name, requestId) => world.acknowledged(world.client.applications.uninstall({ name, requestId })),
  async check(world, _, acknowledged) {
    const installations = await world.installations();
    return [
      ...expectStates(installations, [["INSTALLED"], []], acknowledged ? [] : undefined),
      // One that is still installed still has what ran in it.
      ...expectStates(await world.instances(), [installations.length > 0 ? ["RUNNING"] : []]),
    ];
  },
  async repeat(world, name) {
    const done = ["INSTALLATION_NOT_FOUND", "INSTALLATION_UNINSTALLED"] as const;
    await unless(done, world.call(world.client.applications.uninstall({ name })));
    return expectStates(await world.objects(), [[]]);
  },
};

const restart: KillOperation = {
  name: "restart",
  prepare: (world) => anInstance(world, RUNNING),
  run: (world, name) => world.acknowledged(world.client.applications.restart({ name })),
  // It was wanted all the time.
  check: wantedRuns,
  async repeat(world, name) {
    await world.call(world.client.applications.restart({ name }));
    return expectStates(await world.instances(), [["RUNNING"]]);
  },
};

const shutdown: KillOperation = {
  name: "shutdown",
  prepare: (world) => anInstance(world, RUNNING),
  async run(world) {
    await world.acknowledged(world.client.node.shutdown({}));
    return await world.endsInOrder();
  },
  // The manager's own end says nothing about what is wanted.
  check: wantedRuns,
  repeat: wantedRuns,
};

/** Everything that changes a root. */
export const KILL_OPERATIONS: readonly KillOperation[] = [
  install,
  installArchive,
  start,
  suspend,
  resume,
  restart,
  stop,
  uninstall,
  shutdown,
  ...KILL_MOVES,
];
