import type { Root } from "@nodemanager/layout";
import type { ManagerStatus } from "./status.ts";
import { objects } from "./view.ts";

/** What a manager has on disk, counted. */
export type ObjectCounts = Pick<ManagerStatus, "installations" | "instances" | "running" | "broken">;

/** Counts everything, as it is now. */
export async function countObjects(root: Root): Promise<ObjectCounts> {
  const counts = { installations: 0, instances: 0, running: 0, broken: 0 };
  for await (const object of objects(root, "**")) {
    switch (object.kind) {
      case "installation":
        counts.installations++;
        break;
      case "instance":
        counts.instances++;
        counts.running += object.state === "running" ? 1 : 0;
        break;
      case "broken":
        counts.broken++;
    }
  }
  return counts;
}
