// A sample application: it does some work, and takes a few seconds to end it in order.
import { setTimeout as sleep } from "node:timers/promises";
import { manage } from "@nodemanager/app";

const STEPS = 6;
const STEP_MS = 400;

const managed = await manage({
  start: ({ instanceName }) => {
    console.log(`orderly: ${instanceName ?? "on my own"}, pid ${process.pid}, working`);
  },
  onStop: async (report) => {
    for (let step = 0; step < STEPS; step++) {
      report(step, STEPS);
      await sleep(STEP_MS);
    }
    report(STEPS, STEPS);
    console.log("orderly: everything is put away");
  },
});

// The work: something that keeps the process alive until it is asked to stop.
const work = setInterval(() => {}, 60_000);
managed.stopping.addEventListener("abort", () => clearInterval(work));
