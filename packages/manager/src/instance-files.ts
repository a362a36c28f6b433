import { join } from "node:path";
import type { InstanceRecord } from "@nodemanager/layout";
import type { LogStream } from "./status.ts";

/** The file that an instance's output goes to. */
export function logFile(record: Pick<InstanceRecord, "logsDir">, stream: LogStream): string {
  return join(record.logsDir, stream);
}

/** The FIFO whose write end an instance's process holds, so that its end is seen by a manager that is not its parent. */
export function lifelineFile(record: Pick<InstanceRecord, "dir">): string {
  return join(record.dir, "lifeline");
}
