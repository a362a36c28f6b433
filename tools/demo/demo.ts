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
  .createServer((_, answer) => answer.end(process.env.GREETING + " from process " + process.pid + "\\n"))
  .listen(0, "127.0.0.1", function () {
    console.log("http://127.0.0.1:" + this.address().port + "/");
    require("node:fs").writeSync(Number(process.env.NOTIFY_FD), "\\n");
  });
`;
/** What a publisher did not see: it comes up, and does not stay. */
const FLAWED_PAGE = `${PAGE}setTimeout(() => { console.error("out of ink"); process.exit(3); }, 500);`;

await using stage = await Stage.set(clone);
const { nmctl, say } = stage;

say("A device: noded, the manager, on a root directory of its own");
await stage.startNoded();
await nmctl("describe");

say("A workstation: a repository, and two programs published to it");
const repository = await stage.startRepository();
const node = join(clone, `node_modules/node-linux-${process.arch}/bin/node`);
await publishPage("1.0.0", "hello");
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
// Without a version: an installation goes where its origin goes.
const pageInstallation = (await nmctl("install", `${repository}/page`)).trim();
const orderlyInstallation = (await nmctl("install", orderly)).trim();

say("Two instances of each");
const first = (await nmctl("start", pageInstallation)).trim();
const second = (await nmctl("start", pageInstallation)).trim();
await nmctl("start", orderlyInstallation);
await nmctl("start", orderlyInstallation);
await nmctl("status");

say("The page, from both of its instances");
await showPage(first);
await showPage(second);

say("One of them is killed from outside: the manager notices, and says why it does not run");
await stage.killAndWait(second, "suspended");
await nmctl("status", second);

say("Suspend ends the process and keeps the workspace; resume runs it again");
await nmctl("resume", second);
await nmctl("suspend", first);
await nmctl("resume", first);
await nmctl("restart", first);

say("A new version: what it would change, and the move of what runs, one instance after the other");
await publishPage("1.1.0", "good day");
await nmctl("diff", pageInstallation);
await nmctl("update", pageInstallation, "--restart");
await showPage(first);

say("A version that does not hold: the old one runs again, and the answer says why");
await publishPage("1.2.0", "farewell", FLAWED_PAGE);
await stage.refused("update", pageInstallation, "--restart");
await nmctl("ls", "apps/page/**");

say("The way back");
await nmctl("revert", pageInstallation, "--restart");
await showPage(first);

say("An orderly stop takes its time, and tells how far it is");
await nmctl("stop", orderlyInstallation);
await nmctl("ls");

say("Everything is uninstalled, what nobody needs any more is removed, and the manager is shut down");
await nmctl("uninstall", "apps");
await nmctl("ls");
await nmctl("tidy");
await nmctl("shutdown");
await stage.endOf("noded");
await stage.stopRepository();

const left = stage.leftovers();
stage.show("what is left running", left.length === 0 ? "nothing\n" : `${left.join("\n")}\n`);
if (left.length > 0) {
  process.exitCode = 1;
}

/** Publishes a version of the page; its program is the same, and not sent again. */
async function publishPage(version: string, greeting: string, text: string = PAGE): Promise<void> {
  const what = ["--title", "page", "--version", version, "--env", `GREETING=${greeting}`];
  const how = ["--readiness", "fd", "--soak", "1s", "--arg", "-e", "--arg", text];
  await nmctl("publish", node, "--to", repository, ...what, ...how);
}

/** What an instance of the page serves. */
async function showPage(instance: string): Promise<void> {
  const url = (await nmctl("logs", "--stream", "stdout", "-n", "1", instance)).trim();
  stage.show(`GET ${url}`, await (await fetch(url)).text());
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
