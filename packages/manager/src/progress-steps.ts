import type { Progress } from "./operation.ts";

/** Progress is told when this share of the bytes is done, so that many of them cost few messages. */
const STEPS = 100;

/** Tells how many bytes of a phase are done, each hundredth once. */
export function reportInSteps(
  report: (progress: Progress) => void,
  phase: string,
): (done: number, goal: number) => void {
  let told = -1;
  return (done, goal) => {
    const step = goal === 0 ? 0 : Math.floor((done * STEPS) / goal);
    if (step !== told) {
      told = step;
      report({ phase, done, goal, unit: "bytes" });
    }
  };
}
