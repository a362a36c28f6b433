// Kills a manager at every step of every operation, in every way: `node tools/e2e/src/kill-matrix.ts [SEED] [OPERATION...]`.
//
// Each operation, under each shutdown policy, on applications of two kinds, before and after each verb on the file system, those that only read
// included; after each kill the next manager is killed too, at a step of its start-up that the seed chooses.
import { availableParallelism } from "node:os";
import { KILL_OPERATIONS } from "./kill-operations.ts";
import { type KillReport, killAtEachStep } from "./kill-run.ts";
import { randomFrom } from "./random.ts";

/** A start-up takes about so many steps on a root like these. */
const RECOVERY_STEPS = 80;

const [seedText = String(Date.now() % 1_000_000_000), ...names] = process.argv.slice(2);
const seed = Number(seedText);
const random = randomFrom(seed);
console.log(`seed ${seed}`);
const began = performance.now();
const todo = KILL_OPERATIONS.filter(({ name }) => names.length === 0 || names.includes(name)).flatMap((operation) =>
  (["suspend", "leave"] as const).flatMap((shutdownPolicy) =>
    (["none", "handshake"] as const).flatMap((readiness) =>
      (["before", "after"] as const).map((when) => ({ operation, shutdownPolicy, readiness, when })),
    ),
  ),
);
const reports: KillReport[] = [];
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { operation, ...how } = next;
      const recoveryStep = () => 1 + Math.floor(random() * RECOVERY_STEPS);
      const report = await killAtEachStep(operation, { ...how, reads: true, recoveryStep });
      reports.push(report);
      const where = `${report.operation}, ${how.when} each step, policy ${how.shutdownPolicy}, readiness ${how.readiness}`;
      console.log(`${where}: ${report.kills} kills, ${report.recoveryKills} more while recovering`);
      for (const violation of report.violations) {
        console.log(`  VIOLATION ${violation}`);
      }
    }
  }),
);
const kills = reports.reduce((sum, report) => sum + report.kills + report.recoveryKills, 0);
const violations = reports.reduce((sum, report) => sum + report.violations.length, 0);
const seconds = Math.round((performance.now() - began) / 1000);
console.log(`seed ${seed}: ${kills} kills, ${violations} violations, ${seconds} s`);
process.exitCode = violations === 0 ? 0 : 1;
