import type { Clock, KeyedMutex, Logger } from "@nodemanager/core";
import type { Containment } from "@nodemanager/exec";
import type { Root } from "@nodemanager/layout";
import type { Repository, RepositoryAddress, TransferTuning } from "@nodemanager/repository";
import type { ChangeHub } from "./change-hub.ts";
import type { Accounts, AppCycleClient, CallbackListener, NodeFacts } from "./ports.ts";
import type { StartRequests } from "./start-requests.ts";
import type { ShutdownPolicy } from "./status.ts";
import type { Supervisor } from "./supervisor.ts";

/** What every operation works with. */
export interface Context {
  readonly root: Root;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: ChangeHub;
  readonly supervisor: Supervisor;
  readonly starts: StartRequests;
  readonly containment: Containment;
  readonly callbacks: CallbackListener;
  readonly appCycle: AppCycleClient;
  readonly node: NodeFacts;
  readonly accounts?: Accounts | undefined;
  readonly openRepository: (address: RepositoryAddress) => Promise<Repository>;
  readonly maxBinaryBytes: number;
  readonly maxPackageBytes?: number | undefined;
  readonly transfer?: Partial<TransferTuning> | undefined;
  readonly shutdownPolicy: ShutdownPolicy;
  /** How many of an installation's newest versions stay. */
  readonly keepVersions: number;
  /** Who moves an installation or an instance between versions right now, by its name. */
  readonly moving: KeyedMutex;
  /** Who launches an instance right now: a second launch is told so at once. */
  readonly launching: KeyedMutex;
  /** Who ends an instance or an installation right now. A launch does not hold it, so it can be stopped. */
  readonly ending: KeyedMutex;
  /** Who makes an installation with a binary right now, by its digest. */
  readonly binaries: KeyedMutex;
}
