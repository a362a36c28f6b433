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

const { RUNNING } = ObjectState;

/** What is wanted runs, one instance of it. */
export async function wantedRuns(world: KillWorld): Promise<string[]> {
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

/** One that is there, or a new one. @returns its name */
export async function anInstallation(world: KillWorld): Promise<string> {
  const [found] = await world.installations();
  if (found) {
    return found.name;
  }
  const origin = await world.publishAnew();
  const [made = ""] = await world.call(world.client.applications.install({ origin, env: {}, args: [], requestId: "" }));
  return made;
}

/** One that is there or a new one, brought to this state. @returns its name */
export async function anInstance(world: KillWorld, state: ObjectState): Promise<string> {
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

/** Waits for work that may fail for these reasons. */
export async function unless(reasons: readonly Reason[], work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!hasReason(error, ...reasons)) {
      throw error;
    }
  }
}
