import { NodeError } from "@nodemanager/core";
import { adviceFor } from "../advice.ts";

/**
 * What is said about a failure: what failed, why (with the reason, which is stable), and what to do if there is
 * something; a line each.
 *
 * @param what - `install file:/srv/web`, without "failed"
 * @param object - the name of what it failed for, if there is one
 */
export function complaint(what: string, error: unknown, object?: string): string {
  if (!(error instanceof NodeError)) {
    return `nmctl: ${what} failed\n  why: ${error instanceof Error ? error.message : String(error)} (a defect in nmctl)`;
  }
  const lines = [`nmctl: ${what} failed`, `  why: ${indented(error.message)} (${error.reason})`];
  const lastLines = error.metadata.lastLines;
  if (lastLines) {
    lines.push(`  its last lines: ${indented(lastLines.trimEnd())}`);
  }
  const advice = adviceFor(error.reason, object);
  if (advice !== undefined) {
    lines.push(`  try: ${advice}`);
  }
  return lines.join("\n");
}

function indented(text: string): string {
  return text.includes("\n")
    ? text
        .split("\n")
        .map((line, index) => (index === 0 ? line : `    ${line}`))
        .join("\n")
    : text;
}
