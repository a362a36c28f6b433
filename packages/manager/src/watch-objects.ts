import { compileGlob } from "@nodemanager/core";
import type { Root } from "@nodemanager/layout";
import type { ChangeHub } from "./change-hub.ts";
import type { WatchEvent } from "./status.ts";
import { objectStatus, objects } from "./view.ts";

/**
 * The objects that match a glob as they are, then `synced`, then each of them again whenever it changes, until the signal
 * aborts or the manager ends. An object that changes faster than the consumer reads is told as it is in the end.
 *
 * @throws NodeError `INVALID_NAME` for a glob that is none
 */
export async function* watchObjects(
  root: Root,
  hub: ChangeHub,
  glob: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchEvent> {
  const matches = compileGlob(glob);
  const left = new AbortController();
  // Before the objects are read, so that no change falls in between.
  const changes = hub.subscribe(signal ? AbortSignal.any([signal, left.signal]) : left.signal);
  try {
    for await (const object of objects(root, glob, signal)) {
      yield { kind: "existing", object };
    }
    yield { kind: "synced" };
    for await (const name of changes) {
      if (matches(name)) {
        const object = await objectStatus(root, name);
        yield object ? { kind: "changed", object } : { kind: "removed", name };
      }
    }
  } finally {
    left.abort();
  }
}
