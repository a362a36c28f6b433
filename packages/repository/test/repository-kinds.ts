import { join } from "node:path";
import { openRepository, parseRepositoryAddress, type Repository } from "@nodemanager/repository";
import { serveRepository } from "@nodemanager/repository/server";
import { tempDir } from "@nodemanager/testing";

/** A repository of a kind over a directory of its own. */
export interface TestRepository extends AsyncDisposable {
  readonly repository: Repository;
  /** Where it keeps its files. */
  readonly dir: string;
  /** Another client; for `grpc:` of another server, started after the first ended. */
  reopen(): Promise<Repository>;
}

export const KINDS: readonly { readonly kind: string; make(): Promise<TestRepository> }[] = [
  { kind: "file:", make: makeFile },
  { kind: "grpc:", make: makeGrpc },
];

async function makeFile(): Promise<TestRepository> {
  const temp = await tempDir();
  const dir = join(temp.path, "repository");
  const open = () => openRepository({ kind: "file", dir });
  return { repository: await open(), dir, reopen: open, [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose]() };
}

async function makeGrpc(): Promise<TestRepository> {
  const temp = await tempDir();
  const dir = join(temp.path, "repository");
  const stack = new AsyncDisposableStack();
  stack.use(temp);
  const open = async () => {
    const server = stack.use(await serveRepository({ dir, listen: { kind: "tcp", host: "127.0.0.1", port: 0 } }));
    const repository = stack.use(await openRepository(parseRepositoryAddress(server.address)));
    return { server, repository };
  };
  const first = await open();
  return {
    repository: first.repository,
    dir,
    async reopen() {
      await first.server.close();
      return (await open()).repository;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
