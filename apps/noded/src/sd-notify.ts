import { spawn } from "node:child_process";
import type { Logger } from "@nodemanager/core";

/**
 * Tells systemd how the manager is, as sd_notify(3) has it. It does nothing when systemd did not ask, and what cannot be
 * said is logged and changes nothing else.
 */
export class SystemdNotifier implements Disposable {
  readonly #socket: string | undefined;
  readonly #logger: Logger;
  readonly #watchdog: NodeJS.Timeout | undefined;

  /** @param env - loses what systemd put there: it is about this process and no other */
  static fromEnvironment(env: NodeJS.ProcessEnv, { pid, logger }: { pid: number; logger: Logger }): SystemdNotifier {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID = String(pid) } = env;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) {
      delete env[name];
    }
    const isAboutUs = WATCHDOG_PID === String(pid) && /^[1-9][0-9]{0,14}$/.test(WATCHDOG_USEC ?? "");
    return new SystemdNotifier(
      NOTIFY_SOCKET || undefined,
      isAboutUs ? Number(WATCHDOG_USEC) / 1000 : undefined,
      logger,
    );
  }

  private constructor(socket: string | undefined, watchdogMs: number | undefined, logger: Logger) {
    this.#socket = socket;
    this.#logger = logger;
    if (socket !== undefined && watchdogMs !== undefined) {
      // Twice in the interval, as its manual says. That the timer fires is what is to be known: the event loop turns.
      this.#watchdog = setInterval(() => this.#send("WATCHDOG=1"), watchdogMs / 2).unref();
    }
  }

  /** It serves; `status` is for people. */
  ready(status: string): void {
    this.#send("READY=1", `STATUS=${status}`);
  }

  /** It is on its way down. */
  stopping(status: string): void {
    this.#send("STOPPING=1", `STATUS=${status}`);
  }

  /** No more signs of life. */
  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
  }

  #send(...assignments: readonly string[]): void {
    if (this.#socket === undefined) {
      return;
    }
    try {
      const sendDatagram = datagramSender();
      if (sendDatagram) {
        sendDatagram(this.#socket, assignments.join("\n"));
      } else {
        this.#runSystemdNotify(this.#socket, assignments);
      }
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Where there is no `node:ffi`. The unit needs `NotifyAccess=all` then: it is a child that speaks. */
  #runSystemdNotify(socket: string, assignments: readonly string[]): void {
    const child = spawn("systemd-notify", assignments, {
      env: { PATH: "/usr/bin:/bin", NOTIFY_SOCKET: socket },
      stdio: "ignore",
    });
    child.on("error", (error) => this.#warn(error)).unref();
  }

  #warn(error: unknown): void {
    this.#logger.warn("systemd could not be told", { error });
  }
}

/** Whether this Node can tell systemd itself. */
export function canSendDatagrams(): boolean {
  return datagramSender() !== undefined;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** The family, 108 bytes of path. */
const ADDRESS_BYTES = 110;

/** Node has no datagram sockets of the unix family; with `node:ffi`, which 24 lacks and later ones may, libc does it. */
function datagramSender(): ((socket: string, message: string) => void) | undefined {
  const ffi = process.getBuiltinModule("node:ffi");
  if (!ffi) {
    return undefined;
  }
  return (path, message) => {
    using library = ffi.dlopen(null, {
      socket: { arguments: ["int32", "int32", "int32"], return: "int32" },
      sendto: { arguments: ["int32", "buffer", "uint64", "int32", "buffer", "uint32"], return: "int64" },
      close: { arguments: ["int32"], return: "int32" },
    });
    const { socket, sendto, close } = library.functions;
    const address = socketAddress(path);
    const body = Buffer.from(message);
    const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      throw new Error("no socket can be made");
    }
    try {
      const sent = sendto(fd, body, BigInt(body.length), MSG_NOSIGNAL, address, address.length);
      if (sent !== BigInt(body.length)) {
        throw new Error(`nothing can be sent to ${path}`);
      }
    } finally {
      close(fd);
    }
  };
}

/** `struct sockaddr_un`: a path, or, with a leading @, a name that no file has. */
function socketAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : `${path}\0`);
  if (!/^[/@]./.test(path) || name.length > ADDRESS_BYTES - 2) {
    throw new Error(`${path} is no address of a unix socket`);
  }
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
