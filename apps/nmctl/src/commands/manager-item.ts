import { type ManagerUpdate, NodeServiceStatusResponse, ManagerUpdate_State as State } from "@nodemanager/proto/v1";
import { age } from "../age.ts";
import type { Item } from "../output.ts";
import { describeFields, megabytes } from "../render/fields.ts";

/** The manager, as `status nm` prints it. */
export function managerItem(manager: NodeServiceStatusResponse, now: number): Item {
  return {
    name: "nm",
    json: () => NodeServiceStatusResponse.toJSON(manager),
    text: () =>
      describeFields([
        ["version", manager.version],
        ["previous version", manager.previousVersion],
        ["origin", manager.origin],
        ["workspace", manager.workspace],
        ["healthy", manager.healthy ? "yes" : "not yet"],
        ["last update", manager.lastUpdate ? describeUpdate(manager.lastUpdate, now) : ""],
        ["pid", String(manager.pid)],
        ["running for", age(manager.startedAt, now)],
        ["root", manager.root],
        ["shutdown policy", manager.shutdownPolicy],
        ["installations", String(manager.installations)],
        ["instances", `${manager.instances}, ${manager.running} running`],
        ["broken", String(manager.broken)],
        ["memory", megabytes(manager.residentBytes)],
        ["recovery", manager.recovery.join("\n")],
      ]),
  };
}

function describeUpdate({ state, fromVersion, toVersion, at, why }: ManagerUpdate, now: number): string {
  const move = `${fromVersion} to ${toVersion}, ${age(at, now)} ago`;
  switch (state) {
    case State.FELL_BACK:
      return `${move}: given up, because of ${toVersion} ${why}`;
    case State.SWITCHED:
      return `${move}: not healthy yet`;
    default:
      return move;
  }
}
