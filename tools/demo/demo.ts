// The tour: a node, a repository, two real programs, and every step of their lives. `npm run demo` runs it.
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Stage } from "./stage.ts";

const here = dirname(fileURLToPath(import.meta.url));
const clone = dirname(dirname(here));

/** The unmodified `node` serving a page: it takes a free port, says which, and says that it is ready. */
const PAGE = `
require("node:http")
  .createServer((_, answer) => answer.end("hello from process " + process.pid + "\\n"))
  .listen(0, "127.0.0.1", function () {
    console.log("http://127.0.0.1:" + this.address().port + "/");
    require("node:fs").writeSync(Number(process.env.NOTIFY_FD), "\\n");
  });
`;

await using stage = await Stage.set(clone);
const { nmctl, say } = stage;

say("A device: noded, the manager, on a root directory of its own");
await stage.startNoded();
await nmctl("describe");

say("A workstation: a repository, and two programs published to it");
const repository = await stage.startRepository();
const node = join(clone, `node_modules/node-linux-${process.arch}/bin/node`);
const page = (
  await nmctl(
    "publish",
    node,
    "--to",
    repository,
    "--title",
    "page",
    "--version",
    "1.0.0",
    "--readiness",
    "fd",
    "--arg",
    "-e",
    "--arg",
    PAGE,
  )
).trim();
const orderly = (
  await nmctl(
    "publish",
    await sampleApplication(node),
    "--to",
    repository,
    "--title",
    "orderly",
    "--version",
    "1.0.0",
    "--readiness",
    "appcycle",
  )
).trim();
await nmctl("repository", "ls", repository);

say("Both are installed: fetched, checked against their digests, set in place in one step");
const pageInstallation = (await nmctl("install", page)).trim();
const orderlyInstallation = (await nmctl("install", orderly)).trim();

say("Two instances of each");
const first = (await nmctl("start", pageInstallation)).trim();
const second = (await nmctl("start", pageInstallation)).trim();
await nmctl("start", orderlyInstallation);
await nmctl("start", orderlyInstallation);
await nmctl("status");

say("The page, from both of its instances");
for (const instance of [first, second]) {
  const url = (await nmctl("logs", "--stream", "stdout", "-n", "1", instance)).trim();
  stage.show(`GET ${url}`, await (await fetch(url)).text());
}

say("One of them is killed from outside: the manager notices, and says why it does not run");
await stage.killAndWait(second, "suspended");
await nmctl("status", second);

say("Suspend ends the process and keeps the workspace; resume runs it again");
await nmctl("resume", second);
await nmctl("suspend", first);
await nmctl("resume", first);
await nmctl("restart", first);

say("An orderly stop takes its time, and tells how far it is");
await nmctl("stop", orderlyInstallation);
await nmctl("ls");

say("Everything is uninstalled, and the manager is shut down");
await nmctl("uninstall", "apps");
await nmctl("ls");
await nmctl("shutdown");
await stage.endOf("noded");
await stage.stopRepository();

const left = stage.leftovers();
stage.show("what is left running", left.length === 0 ? "nothing\n" : `${left.join("\n")}\n`);
if (left.length > 0) {
  process.exitCode = 1;
}

/**
 * The sample application as one executable file. It is a shell script and JavaScript at once, because what follows `#!`
 * takes neither a long path nor one with a space, and Node is wherever this clone is.
 */
async function sampleApplication(interpreter: string): Promise<string> {
  const file = join(stage.dir, "orderly");
  await mkdir(stage.dir, { recursive: true });
  const quoted = `'${interpreter.replaceAll("'", "'\\''")}'`;
  const program = readFileSync(join(here, "dist/orderly.js"), "utf8");
  await writeFile(file, `#!/bin/sh\n":" //; exec ${quoted} "$0" "$@"\n${program}`, { mode: 0o755 });
  return file;
}
