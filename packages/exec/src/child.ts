import { closeSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { decodeConfig, EXEC_VERSION, encodeStatus, FrameDecoder, type Status, WireError } from "./wire.ts";

const CONFIG_FD = 3;
const STATUS_FD = 4;
const VERSION_KEY = "NODED_EXEC_VERSION";

/**
 * Why a child cannot speak with its parent: it was `NOT_A_CHILD` of a manager; the manager speaks an
 * `UNSUPPORTED_VERSION`; what came was not of the protocol; the manager was gone (`PARENT_GONE`) before it had handed over
 * the configuration or taken the status; or another status was sent before.
 */
export type ChildErrorReason =
  | "NOT_A_CHILD"
  | "UNSUPPORTED_VERSION"
  | "PROTOCOL_ERROR"
  | "PARENT_GONE"
  | "STATUS_ALREADY_SENT";

export class ChildError extends Error {
  override readonly name = "ChildError";
  readonly reason: ChildErrorReason;

  constructor(reason: ChildErrorReason, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

/** The child's side of the exec protocol. */
export interface ChildHandle {
  /** What the manager says to this child: `INSTANCE_NAME`, `CALLBACK_ADDRESS` and the like. */
  readonly config: Readonly<Record<string, string>>;
  readonly secret: string;
  /**
   * Says that the child does its work. Once; again changes nothing.
   *
   * @throws ChildError `STATUS_ALREADY_SENT` after {@link failed}; `PARENT_GONE` when nobody waits for it any more
   */
  ready(): void;
  /** Says that the child cannot do its work, and why; it should exit then. Otherwise as {@link ready}. */
  failed(text: string): void;
}

let handle: Promise<ChildHandle> | undefined;

/**
 * Waits for the go-ahead of the manager that started this process, and gives what it handed over. Once in a process: every
 * call gives the same. `NODED_EXEC_VERSION` is removed from the environment, so that no child of this process takes
 * itself for a child of the manager.
 *
 * @throws ChildError `NOT_A_CHILD` when no manager started this process, `UNSUPPORTED_VERSION`, `PROTOCOL_ERROR`;
 *   `PARENT_GONE` when the manager ended before it gave the go-ahead: exit then
 */
export function childHandle(): Promise<ChildHandle> {
  handle ??= open();
  return handle;
}

async function open(): Promise<ChildHandle> {
  const version = process.env[VERSION_KEY];
  delete process.env[VERSION_KEY];
  if (version === undefined) {
    throw new ChildError("NOT_A_CHILD", `${VERSION_KEY} is not set: this process was not started by a node manager`);
  }
  if (version !== EXEC_VERSION) {
    throw new ChildError(
      "UNSUPPORTED_VERSION",
      `the node manager speaks version ${JSON.stringify(version)} of the exec protocol, this program ${EXEC_VERSION}`,
    );
  }
  const { values, secret } = await readConfig();
  return { config: Object.freeze(values), secret, ...statusSender() };
}

async function readConfig(): Promise<{ values: Readonly<Record<string, string>>; secret: string }> {
  const decoder = new FrameDecoder();
  const frames: Uint8Array[] = [];
  try {
    // A socket and not a file: a read in the thread pool would keep the process from exiting while it waits.
    const socket = new Socket({ fd: CONFIG_FD, readable: true, writable: false });
    for await (const chunk of socket) {
      frames.push(...decoder.push(chunk));
      const [values, secret] = frames;
      if (values && secret) {
        return decodeConfig(values, secret);
      }
    }
  } catch (error) {
    if (error instanceof WireError) {
      throw new ChildError("PROTOCOL_ERROR", `descriptor ${CONFIG_FD}: ${error.message}`, { cause: error });
    }
    throw new ChildError("PARENT_GONE", `descriptor ${CONFIG_FD} cannot be read`, { cause: error });
  }
  throw new ChildError("PARENT_GONE", "the node manager ended before it gave the go-ahead");
}

function statusSender(): Pick<ChildHandle, "ready" | "failed"> {
  let sent: Status["kind"] | undefined;
  const send = (status: Status) => {
    if (sent === status.kind) {
      return;
    }
    if (sent !== undefined) {
      throw new ChildError("STATUS_ALREADY_SENT", `this process has already said that it is ${sent}`);
    }
    sent = status.kind;
    try {
      writeAll(encodeStatus(status));
    } catch (error) {
      throw new ChildError("PARENT_GONE", "nobody waits for the status any more", { cause: error });
    } finally {
      closeSync(STATUS_FD);
    }
  };
  return { ready: () => send({ kind: "ready" }), failed: (text) => send({ kind: "failed", text }) };
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(STATUS_FD, bytes, written);
  }
}
