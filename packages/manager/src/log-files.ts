import { join } from "node:path";
import type { LogStream } from "./status.ts";

/** The file that an instance's output goes to. */
export function logFile(logsDir: string, stream: LogStream): string {
  return join(logsDir, stream);
}
