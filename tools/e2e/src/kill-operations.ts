import { hasReason, type Reason } from "@nodemanager/core";
import { ObjectState, type ObjectStatus } from "@nodemanager/proto/v1";
import { stateName } from "./device.ts";
import type { KillWorld } from "./kill-world.ts";

/** One operation of a manager that is killed meanwhile. */
export interface KillOperation {
  readonly name: string;
  /** Brings everything to where the operation begins, and says what to do it to. */
  prepare(world: KillWorld): Promise<string>;
  /** @returns whether it was acknowledged before the manager died */
  run(world: KillWorld, target: string, requestId: string): Promise<boolean>;
  /** What is wrong with what a later manager made of it; looks at this operation's object alone. */
  check(world: KillWorld, target: string, acknowledged: boolean): Promise<string[]>;
  /** Does it once more. @returns what is wrong with the result */
  repeat(world: KillWorld, target: string, requestId: string): Promise<string[]>;
}

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
];

async function wantedRuns(world: KillWorld): Promise<string[]> {
  return expectStates(await world.instances(), [["RUNNING"]]);
}

/**
 * Compares the states of what is there with those that there may be.
 *
 * @param acknowledged - the only ones that there may be, for an operation whose success was told
 */
export function expectStates(
  objects: readonly ObjectStatus[],
  allowed: readonly (readonly string[])[],
  acknowledged?: readonly string[] | undefined,
): string[] {
  const states = objects.map(({ state }) => stateName(state)).join(" ");
  const may = acknowledged ? [acknowledged] : allowed;
  return may.some((one) => one.join(" ") === states)
    ? []
    : [`there is [${states}], and not ${may.map((one) => `[${one.join(" ")}]`).join(" or ")}`];
}

async function anInstallation(world: KillWorld): Promise<string> {
  const [found] = await world.installations();
  if (found) {
    return found.name;
  }
  const origin = await world.publishAnew();
  const [made = ""] = await world.call(world.client.applications.install({ origin, env: {}, args: [], requestId: "" }));
  return made;
}

async function anInstance(world: KillWorld, state: ObjectState): Promise<string> {
  const installation = await anInstallation(world);
  let [instance] = await world.instances();
  if (!instance) {
    await world.call(world.client.applications.start({ name: installation }));
    [instance] = await world.instances();
  }
  if (!instance) {
    throw new Error("an instance that was started is not there");
  }
  const { name } = instance;
  if (instance.state !== state) {
    await world.call(
      state === RUNNING ? world.client.applications.resume({ name }) : world.client.applications.suspend({ name }),
    );
  }
  return name;
}

async function unless(reasons: readonly Reason[], work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!hasReason(error, ...reasons)) {
      throw error;
    }
  }
}
