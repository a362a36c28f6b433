import type { ManagerMove, WorkspaceRecord } from "@nodemanager/layout";
import type { ManagerUpdate } from "../status.ts";
import { STARTS_MAX } from "./start-script.ts";

/**
 * What became of the last move, as the version that runs sees it; nothing when it was not made, or when what runs is neither
 * of the two.
 *
 * @param o.running - the version that runs
 * @param o.isHealthy - whether that counts as healthy
 * @param o.to - the workspace that was moved to, if it is still there
 */
export function lastUpdateOf(
  move: ManagerMove,
  o: {
    readonly running: string | undefined;
    readonly isHealthy: boolean;
    readonly to: WorkspaceRecord | undefined;
  },
): ManagerUpdate | undefined {
  const update = {
    fromWorkspace: move.from,
    fromVersion: move.fromVersion,
    toWorkspace: move.to,
    toVersion: move.toVersion,
    at: move.at,
    requestId: move.requestId ?? "",
  };
  if (o.running === move.to) {
    return { ...update, state: o.isHealthy ? "healthy" : "switched", why: "" };
  }
  if (o.running === move.from && o.to?.fellBackAt) {
    return { ...update, state: "fell-back", why: whyFellBack(o.to) };
  }
  return undefined;
}

function whyFellBack({ failure }: WorkspaceRecord): string {
  const what = `it did not become healthy in ${STARTS_MAX} starts`;
  return failure ? `${what}; the last one failed: ${failure.message} (${failure.reason})` : what;
}
