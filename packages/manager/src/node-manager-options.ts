import {
  type Clock,
  type InstanceName,
  KeyedMutex,
  type Logger,
  parseName,
  silentLogger,
  systemClock,
} from "@nodemanager/core";
import type { Containment } from "@nodemanager/exec";
import type { Root } from "@nodemanager/layout";
import type { Repository, RepositoryAddress, TransferTuning } from "@nodemanager/repository";
import { ChangeHub } from "./change-hub.ts";
import type { Context } from "./context.ts";
import { recordExit } from "./ops/exited.ts";
import type { Accounts, AppCycleClient, CallbackListener, NodeFacts } from "./ports.ts";
import type { SelfUpdateSetup } from "./self-update/setup.ts";
import { StartRequests } from "./start-requests.ts";
import type { ShutdownPolicy } from "./status.ts";
import { Supervisor } from "./supervisor.ts";

const KEEP_VERSIONS = 3;

/** What a manager is made from. */
export interface NodeManagerOptions {
  /** Open and locked; the manager closes it. */
  readonly root: Root;
  /** Of the manager itself. */
  readonly version: string;
  readonly node: NodeFacts;
  readonly containment: Containment;
  readonly callbacks: CallbackListener;
  readonly appCycle: AppCycleClient;
  /** Everything runs as the manager's own user unless given. The root has to be passable where there are any. */
  readonly accounts?: Accounts | undefined;
  readonly openRepository: (address: RepositoryAddress) => Promise<Repository>;
  readonly shutdownPolicy: ShutdownPolicy;
  /** How many of an installation's newest versions stay, at least 1; 3 unless given. */
  readonly keepVersions?: number | undefined;
  /** The largest binary that is installed. */
  readonly maxBinaryBytes: number;
  /** The largest package, once it is unpacked; 4 GiB unless given. */
  readonly maxPackageBytes?: number | undefined;
  /** When a download counts as stalled, and how often it is taken up again. */
  readonly transfer?: Partial<TransferTuning> | undefined;
  /** What it needs to move itself to another version. */
  readonly selfUpdate?: SelfUpdateSetup | undefined;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What the operations of a manager work with. */
export function contextOf(options: NodeManagerOptions): Context {
  const logger = options.logger ?? silentLogger;
  const ctx: Context = {
    ...options,
    logger,
    clock: options.clock ?? systemClock,
    hub: new ChangeHub(),
    supervisor: new Supervisor((key, live) => recordExit(ctx, instanceName(key), live), logger),
    starts: new StartRequests(options.root),
    launching: new KeyedMutex(),
    ending: new KeyedMutex(),
    binaries: new KeyedMutex(),
    moving: new KeyedMutex(),
    keepVersions: options.keepVersions ?? KEEP_VERSIONS,
  };
  return ctx;
}

function instanceName(key: string): InstanceName {
  const name = parseName(key);
  if (name.kind !== "instance") {
    throw new Error(`${key} is not an instance`);
  }
  return name;
}
