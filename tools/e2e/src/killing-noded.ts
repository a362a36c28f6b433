// noded with a switch that kills it between two steps on the file system: run from source, with noded's own arguments.
//
// A line on stdin, `arm STEP before|after reads|changes`, begins to count (a step 0 never comes) and is answered with the same line on stdout.
// NM_KILL in the environment has the same words and counts from the first step of the start-up on. NM_BUG names a mistake
// to plant, NM_PROGRAM the one file that this program takes itself for.
import { homedir } from "node:os";
import { createInterface } from "node:readline";
import { nodeFs } from "@nodemanager/layout";
import { runDaemon } from "@nodemanager/noded/daemon";
import { stderrLogger } from "@nodemanager/noded/log";
import { loadAllSettings } from "@nodemanager/noded/settings";
import { type KillPoint, KillSwitch, withKillSwitch } from "./kill-fs.ts";
import { PLANTED_BUGS, withBug } from "./planted-bug.ts";

const kill = new KillSwitch();
const fs = withKillSwitch(nodeFs, kill);
const bug = PLANTED_BUGS.find((name) => name === process.env.NM_BUG);
const uid = process.getuid?.() ?? -1;
const { settings, ...own } = loadAllSettings({ args: process.argv.slice(2), env: {}, uid, home: homedir() });
const shutdown = new AbortController();
process.on("SIGTERM", () => shutdown.abort());

if (process.env.NM_KILL !== undefined) {
  kill.arm(parse(process.env.NM_KILL));
}
createInterface({ input: process.stdin })
  .on("line", (line) => {
    kill.arm(parse(line.replace(/^arm /, "")));
    process.stdout.write(`${line}\n`);
  })
  // Whoever wanted it killed is gone.
  .on("close", () => process.exit(1));
const end = await runDaemon({
  settings,
  logger: stderrLogger(settings.logLevel),
  uid,
  shutdown: shutdown.signal,
  own: { ...own, programFile: process.env.NM_PROGRAM, environment: { PATH: process.env.PATH ?? "" } },
  fs: bug === undefined ? fs : withBug(fs, bug),
});
process.exit(end === "restart" ? 100 : 0);

function parse(text: string): KillPoint {
  const [step = "", when = "", what = ""] = text.split(" ");
  return { step: Number(step), when: when === "before" ? "before" : "after", reads: what === "reads" };
}
