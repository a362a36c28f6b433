import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The repository that these tests are part of. */
export const CLONE: string = dirname(dirname(dirname(import.meta.dirname)));

/** The built programs, as their users run them. */
export const NODED: string = join(CLONE, "apps/noded/bin/noded");
export const NMCTL: string = join(CLONE, "apps/nmctl/bin/nmctl");

/** The same as one executable script each, for which `PATH` has Node. */
export const NODED_BUNDLE: string = join(CLONE, "apps/noded/dist/bundle/noded");
export const NMCTL_BUNDLE: string = join(CLONE, "apps/nmctl/dist/bundle/nmctl");

/** The project's own Node. */
export const NODE: string = join(CLONE, `node_modules/node-linux-${process.arch}/bin/node`);

/** `buf`, as a client that no one here wrote. */
export const BUF: string = join(CLONE, "node_modules/.bin/buf");

/** The sample application of the tour, built: uses `@nodemanager/app` and takes a few seconds to stop in order. */
export const ORDERLY: string = join(CLONE, "tools/demo/dist/orderly.js");

/** Programs of others that some tests are skipped without. */
export const PYTHON = "/usr/bin/python3";
export const SCRIPT = "/usr/bin/script";
export const REDIS = "/usr/bin/redis-server";
export const RUNSV = "/usr/bin/runsv";

/** @throws Error when the programs have not been built */
export function checkBuilt(): void {
  for (const file of [join(CLONE, "apps/noded/dist/main.js"), join(CLONE, "apps/nmctl/dist/main.js"), ORDERLY]) {
    if (!existsSync(file)) {
      throw new Error(
        `${file} is not there: the end-to-end tests run the built programs, so "npm run setup" comes first`,
      );
    }
  }
}
