// Kills a manager in every way: `node --conditions=@nodemanager/source tools/e2e/src/kill-matrix.ts [SEED] [OPERATION...]`.
//
// Each operation, under each shutdown policy, on applications of two kinds, and each move of the manager itself:
// - before and after each verb on the file system, those that only read included; after each kill the next manager is
//   killed too, at a step of its start-up that the seed chooses
// - at moments that the seed chooses
import { availableParallelism } from "node:os";
import { KILL_OPERATIONS } from "./kill-operations.ts";
import { KILL_OWN_OPERATIONS, movingItself } from "./kill-own-operations.ts";
import { type KillReport, killAtEachStep, killAtRandom } from "./kill-run.ts";
import { randomFrom } from "./random.ts";

/** A start-up takes about so many steps on a root like these. */
const RECOVERY_STEPS = 80;
const RANDOM_KILLS = 50;

const [seedText = String(Date.now() % 1_000_000_000), ...names] = process.argv.slice(2);
const seed = Number(seedText);
console.log(`seed ${seed}`);
const began = performance.now();
const isAsked = ({ name }: { readonly name: string }) => names.length === 0 || names.includes(name);
const whens = ["before", "after", "at random"] as const;
const todo = [
  ...KILL_OPERATIONS.filter(isAsked).flatMap((operation) =>
    (["suspend", "leave"] as const).flatMap((shutdownPolicy) =>
      (["none", "handshake"] as const).flatMap((readiness) =>
        whens.map((when) => ({ operation, shutdownPolicy, readiness, when, own: undefined })),
      ),
    ),
  ),
  ...KILL_OWN_OPERATIONS.filter(isAsked).flatMap((operation) =>
    whens.map((when) => ({
      ...({ operation, shutdownPolicy: "suspend", readiness: "none", when, own: movingItself } as const),
    })),
  ),
];
let kills = 0;
let violations = 0;
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { operation, when, ...world } = next;
      // Each with numbers of its own, so that one of them can be done again alone.
      const random = randomFrom(seed);
      const report: KillReport =
        when === "at random"
          ? await killAtRandom(operation, { ...world, kills: RANDOM_KILLS, random })
          : await killAtEachStep(operation, {
              ...world,
              when,
              reads: true,
              recoveryStep: () => 1 + Math.floor(random() * RECOVERY_STEPS),
            });
      kills += report.kills + report.recoveryKills;
      violations += report.violations.length;
      const how = when === "at random" ? when : `${when} each step`;
      const where = `${operation.name}, ${how}, policy ${world.shutdownPolicy}, readiness ${world.readiness}`;
      console.log(`${where}: ${report.kills} kills, ${report.recoveryKills} more while recovering`);
      for (const violation of report.violations) {
        console.log(`  VIOLATION ${violation}`);
      }
    }
  }),
);
const seconds = Math.round((performance.now() - began) / 1000);
console.log(`seed ${seed}: ${kills} kills, ${violations} violations, ${seconds} s`);
process.exitCode = violations === 0 ? 0 : 1;
