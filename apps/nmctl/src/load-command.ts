import type { Command } from "./command.ts";

const operate = async (): Promise<Command> => (await import("./commands/operate.ts")).operate;

/** Where the code of each command is: loaded when it is called, so that each start loads only its own. */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  install: async () => (await import("./commands/install.ts")).install,
  start: operate,
  suspend: operate,
  resume: operate,
  restart: operate,
  refresh: operate,
  stop: operate,
  uninstall: operate,
  update: operate,
  revert: operate,
  "update-to": async () => (await import("./commands/operate.ts")).updateTo,
  diff: async () => (await import("./commands/diff.ts")).diff,
  ls: async () => (await import("./commands/objects.ts")).ls,
  status: async () => (await import("./commands/objects.ts")).status,
  watch: async () => (await import("./commands/watch.ts")).watch,
  logs: async () => (await import("./commands/logs.ts")).logs,
  debug: async () => (await import("./commands/debug.ts")).debug,
  describe: async () => (await import("./commands/describe.ts")).describe,
  "is-runnable": async () => (await import("./commands/is-runnable.ts")).isRunnable,
  reset: async () => (await import("./commands/node-operations.ts")).reset,
  tidy: async () => (await import("./commands/tidy.ts")).tidy,
  shutdown: async () => (await import("./commands/node-operations.ts")).shutdown,
  claim: async () => (await import("./commands/claim.ts")).claim,
  publish: async () => (await import("./commands/publish.ts")).publishCommand,
  "repository serve": async () => (await import("./commands/repository-serve.ts")).repositoryServe,
  "repository ls": async () => (await import("./commands/repository.ts")).repositoryLs,
  "repository match": async () => (await import("./commands/repository.ts")).repositoryMatch,
  "repository put": async () => (await import("./commands/repository-put.ts")).repositoryPut,
  "repository rm": async () => (await import("./commands/repository.ts")).repositoryRm,
  "context list": async () => (await import("./commands/context.ts")).contextList,
  "context use": async () => (await import("./commands/context.ts")).contextUse,
  "context set": async () => (await import("./commands/context.ts")).contextSet,
  "context rm": async () => (await import("./commands/context.ts")).contextRm,
  completion: async () => (await import("./commands/completion.ts")).completion,
  version: async () => (await import("./commands/version.ts")).version,
  help: async () => (await import("./commands/help.ts")).help,
  __complete: async () => (await import("./commands/completion.ts")).complete,
};

/** The code of a command, by its words. */
export async function loadCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  if (!load) {
    throw new Error(`the command ${name} has no code`);
  }
  return await load();
}
