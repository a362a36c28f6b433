import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fsExtra from "fs-extra";

/** A directory of a test's own; disposing it removes it with everything below. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

/** Makes a new directory of mode 0700 with a short path, so that sockets fit in it. */
export async function tempDir(): Promise<TempDir> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "nm-")));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await fsExtra.remove(path);
    },
  };
}
