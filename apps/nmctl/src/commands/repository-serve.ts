import { closeSync, writeSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { type Logger, NodeError, silentLogger } from "@nodemanager/core";
import { serveRepository } from "@nodemanager/repository/server";
import { parseAddress } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { tlsOptions } from "../connection/target.ts";
import type { Arguments } from "../grammar/arguments.ts";
import { usageError } from "../grammar/usage-error.ts";
import type { Io } from "../io.ts";
import { nothing, type Output } from "../output.ts";
import type { Terminal } from "../render/terminal.ts";

// Uploads and downloads that are under way may end; everything else is over at once.
const GRACE_MS = 5000;

/** `repository serve`. */
export async function repositoryServe({ args, io, terminal, signal }: Invocation): Promise<Output> {
  const where = args.text("listen");
  if (where === undefined) {
    throw usageError("repository serve needs --listen HOST:PORT");
  }
  const repository = await serveRepository({
    dir: resolvePath(args.operand),
    listen: parseAddress(where),
    tls: tlsFiles(args, io),
    logger: problemsTo(terminal),
  });
  terminal.say(`serving ${args.operand} at ${repository.address}`);
  announce(args.number("ready-fd"), repository.address);
  await new Promise<void>((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await repository.close({ graceMs: GRACE_MS });
  return nothing();
}

function tlsFiles(args: Arguments, io: Io): { certFile: string; keyFile: string; clientCaFile: string } | undefined {
  const { certFile, keyFile } = tlsOptions(args, io.env);
  const clientCaFile = args.text("client-ca");
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) {
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined || clientCaFile === undefined) {
    throw usageError("to serve with TLS give all of --tls-cert, --tls-key and --client-ca");
  }
  return { certFile, keyFile, clientCaFile };
}

function announce(fd: number | undefined, address: string): void {
  if (fd === undefined) {
    return;
  }
  try {
    writeSync(fd, `${address}\n`);
    if (fd > 2) {
      closeSync(fd);
    }
  } catch (error) {
    throw new NodeError("INVALID_ARGUMENT", `the file descriptor ${fd} of --ready-fd cannot be written to`, {
      cause: error,
    });
  }
}

/** Who calls what is nobody's business at a terminal; what goes wrong is. */
function problemsTo(terminal: Terminal): Logger {
  const say: Logger["warn"] = (message, fields) =>
    terminal.say(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, warn: say, error: say, child: () => logger };
  return logger;
}
