// Checks the workspace's rules: `node tools/check/workspace.ts`.
import { dirname } from "node:path";
import { checkWorkspace } from "./src/check-workspace.ts";
import { formatViolation } from "./src/violation.ts";

const violations = checkWorkspace(dirname(dirname(import.meta.dirname)));
for (const violation of violations) {
  console.error(formatViolation(violation));
}
process.exitCode = violations.length === 0 ? 0 : 1;
