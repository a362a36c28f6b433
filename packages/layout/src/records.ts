import type {
  Account,
  Envelope,
  ExitStatus,
  InstallationName,
  InstanceName,
  NodeError,
  PackageRef,
  ProcessIdentity,
} from "@nodemanager/core";

/** One installed copy of an application. */
export interface InstallationRecord {
  readonly kind: "installation";
  readonly name: InstallationName;
  readonly dir: string;
  /** `uninstalling`: the uninstall was claimed; nothing starts any more. */
  readonly state: "installed" | "uninstalling";
  /** Of the current version. */
  readonly versionDir: string;
  readonly envelope: Envelope;
  readonly origin: string;
  /** What was said at installation; wins over the envelope's. */
  readonly env: Readonly<Record<string, string>>;
  /** What was said at installation; appended to the envelope's. */
  readonly args: readonly string[];
  /** What was said at installation; wins over the envelope's of the same name. */
  readonly packages: Readonly<Record<string, PackageRef>>;
  /** Under whom its instances run; absent for the manager's own user. */
  readonly account?: Account | undefined;
  readonly requestId?: string | undefined;
  readonly installedAt: Date;
}

/** The process that runs, or is about to run, an instance. */
export interface Launch {
  /** Tells the launches of one instance apart. */
  readonly attempt: string;
  readonly process: ProcessIdentity;
  readonly startedAt: Date;
  readonly cgroup?: string | undefined;
  /** Whether there is a lifeline whose other end the process holds. */
  readonly lifeline?: boolean | undefined;
  readonly requestId?: string | undefined;
}

/** That a launch became ready. */
export interface Ready {
  readonly attempt: string;
  readonly at: Date;
  readonly appCycleAddress?: string | undefined;
}

/** Why an instance must not be resumed at start-up. */
export interface Suspension {
  readonly by: "operator" | "manager" | "exit";
  readonly why: string;
  readonly at: Date;
  readonly requestId?: string | undefined;
}

/** How the last process of an instance ended. */
export interface LastExit {
  readonly exit: ExitStatus;
  readonly at: Date;
  /** The end of what it said. */
  readonly lastLines: string;
}

/** The last time that something was pointed at another version. */
export interface Move {
  /** The name of a version's directory. */
  readonly from: string;
  /** The name of a version's directory. */
  readonly to: string;
  readonly at: Date;
  readonly requestId?: string | undefined;
  /** It was moved while it ran, and must hold on the new version first: otherwise it goes back. */
  readonly trial?: boolean | undefined;
}

/** What state an instance is in, with what belongs to it. */
export type InstanceState =
  | { readonly state: "suspended"; readonly suspension?: Suspension | undefined }
  | { readonly state: "starting"; readonly launch: Launch }
  | { readonly state: "running"; readonly launch: Launch; readonly ready: Ready }
  | { readonly state: "suspending"; readonly launch: Launch; readonly ready?: Ready | undefined }
  | { readonly state: "stopping"; readonly launch?: Launch | undefined; readonly ready?: Ready | undefined }
  | { readonly state: "stopped"; readonly at: Date; readonly stopRequestId?: string | undefined };

/** A workspace in which one version runs. */
export type InstanceRecord = {
  readonly kind: "instance";
  readonly name: InstanceName;
  readonly dir: string;
  /** Where the application works. */
  readonly rootDir: string;
  readonly logsDir: string;
  readonly createdAt: Date;
  /** Of the call that created it. */
  readonly requestId?: string | undefined;
  /** Of the version that it pins. */
  readonly versionDir: string;
  readonly lastExit?: LastExit | undefined;
  /** The one that led to the version that it pins. */
  readonly move?: Move | undefined;
} & InstanceState;

/** An object that is there and cannot be read. */
export interface BrokenRecord {
  readonly kind: "broken";
  /** The object's name, `apps/...`, as far as it can be told. */
  readonly name: string;
  /** What cannot be read. */
  readonly file: string;
  readonly error: NodeError;
  /** Of an instance: the process that may run for it all the same. */
  readonly launch?: Launch | undefined;
}
