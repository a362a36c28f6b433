import { homedir } from "node:os";
import { isSea } from "node:sea";
import { NodeError } from "@nodemanager/core";
import { EXIT, exitCodeFor } from "./exit-codes.ts";
import { FROM_ARGUMENTS, loadAllSettings } from "./load-settings.ts";
import { stderrLogger } from "./log-sink.ts";

const COMMANDS = ["run", "check-config", "unit", "version", "help"] as const;
type Command = (typeof COMMANDS)[number];

process.title = "noded";
process.umask(0o077);
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const [first = "run"] = argv;
  if (first === "--help" || first === "-h") {
    return await run("help", []);
  }
  if (first === "--version") {
    return await run("version", []);
  }
  if (first.startsWith("-")) {
    return await run("run", argv);
  }
  const command = COMMANDS.find((name) => name === first);
  if (!command) {
    process.stderr.write(`noded: there is no command ${JSON.stringify(first)}; see noded help\n`);
    return EXIT.usage;
  }
  return await run(command, argv.slice(1));
}

async function run(command: Command, args: readonly string[]): Promise<number> {
  try {
    switch (command) {
      case "help":
        expectNone(args);
        process.stdout.write((await import("./help.ts")).helpText());
        return EXIT.done;
      case "version":
        expectNone(args);
        process.stdout.write(`${(await import("./version.ts")).version}\n`);
        return EXIT.done;
      case "check-config":
        return await checkConfig(args);
      case "unit":
        return await printUnit(args);
      case "run":
        return await serve(args);
    }
  } catch (error) {
    const reason = error instanceof NodeError ? ` (${error.reason})` : "";
    process.stderr.write(`noded: ${error instanceof Error ? error.message : String(error)}${reason}\n`);
    return exitCodeFor(error);
  }
}

function expectNone(args: readonly string[]): void {
  if (args.length > 0) {
    throw new NodeError("INVALID_ARGUMENT", "it takes no arguments; see noded help", { metadata: FROM_ARGUMENTS });
  }
}

function load(args: readonly string[]) {
  return loadAllSettings({ args, env: process.env, uid: process.getuid?.() ?? -1, home: homedir() });
}

async function checkConfig(args: readonly string[]): Promise<number> {
  const { settings } = load(args);
  const { readProfiles } = await import("./node-facts.ts");
  await readProfiles(settings.profilesFile);
  const { formatAddress } = await import("@nodemanager/transport");
  const shown = { ...settings, listen: settings.listen.map(formatAddress) };
  process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
  return EXIT.done;
}

async function serve(args: readonly string[]): Promise<number> {
  try {
    return await serveUntilTheEnd(args);
  } catch (error) {
    await noteFailure(error);
    throw error;
  }
}

async function serveUntilTheEnd(args: readonly string[]): Promise<number> {
  const { settings, ...own } = load(args);
  const logger = stderrLogger(settings.logLevel);
  const shutdown = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (shutdown.signal.aborted) {
      logger.warn("ending at once", { signal });
      process.exit(EXIT.failed);
    }
    shutdown.abort(signal);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  // A state that nobody foresaw must not be worked on: init starts a manager that recovers from the disk.
  process.on("uncaughtException", (error) => {
    logger.error("a bug ends the manager", { error });
    process.exit(EXIT.internal);
  });
  const { SystemdNotifier } = await import("./sd-notify.ts");
  using notifier = SystemdNotifier.fromEnvironment(process.env, { pid: process.pid, logger });
  const { runDaemon } = await import("./daemon.ts");
  const { ownProgram, initEnvironment } = await import("./own-program.ts");
  let end: Awaited<ReturnType<typeof runDaemon>>;
  try {
    end = await runDaemon({
      settings,
      logger,
      uid: process.getuid?.() ?? -1,
      shutdown: shutdown.signal,
      notifier,
      own: { ...own, programFile: ownProgram(), environment: initEnvironment(process.env) },
    });
  } catch (error) {
    await noteFailure(error);
    logger.error("the manager cannot serve", { error });
    return exitCodeFor(error);
  }
  // What is left are handles that must not keep a manager alive that has ended.
  process.exit(end === "restart" ? EXIT.restart : EXIT.done);
}

/** For the version before this one, should init get to start that again. */
async function noteFailure(error: unknown): Promise<void> {
  try {
    const [{ noteStartFailure }, { ownProgram }] = await Promise.all([
      import("@nodemanager/layout"),
      import("./own-program.ts"),
    ]);
    const programFile = ownProgram();
    if (programFile !== undefined) {
      const reason = error instanceof NodeError ? error.reason : "INTERNAL";
      await noteStartFailure(programFile, { reason, message: error instanceof Error ? error.message : String(error) });
    }
  } catch {
    // The disk may be what it failed for; init sees the status all the same.
  }
}

async function printUnit(args: readonly string[]): Promise<number> {
  const { settings } = load(args);
  const { runCommand, unitText } = await import("./unit.ts");
  const { canSendDatagrams } = await import("./sd-notify.ts");
  const text = unitText(settings, {
    command: runCommand(settings, executable()),
    runsAs: { kind: process.getuid?.() === 0 ? "root" : "caller" },
    notifies: canSendDatagrams() ? "itself" : "through a child",
  });
  process.stdout.write(text);
  return EXIT.done;
}

/** The program that a unit starts; a link that init follows if there is one. */
function executable(): string {
  const [, script = ""] = process.argv;
  return isSea() ? process.execPath : script.replace(/\/dist\/main\.js$/, "/bin/noded");
}
