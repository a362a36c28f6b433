import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkWorkspace } from "../src/check-workspace.ts";
import { DIRECTIONS } from "../src/directions.ts";
import { formatViolation } from "../src/violation.ts";

export type Files = Readonly<Record<string, string>>;

const APPS = ["noded", "nmctl"];
const ENTRIES: Readonly<Record<string, readonly string[]>> = { exec: ["index", "child"], rpc: ["server", "client"] };

/** Where a package of the fixture is. */
export function dirOf(name: string): string {
  return `${APPS.includes(name) ? "apps" : "packages"}/${name}`;
}

/** The manifest that a package has when nothing is wrong with it. */
export function manifestOf(name: string): Record<string, unknown> {
  const entries = ENTRIES[name] ?? ["index"];
  const exports = (withSource: boolean) => ({
    ...Object.fromEntries(
      entries.map((entry) => [
        entry === "index" ? "." : `./${entry}`,
        {
          ...(withSource && { "@nodemanager/source": `./src/${entry}.ts` }),
          types: `./dist/${entry}.d.ts`,
          default: `./dist/${entry}.js`,
        },
      ]),
    ),
    "./package.json": "./package.json",
  });
  const dependencies = (DIRECTIONS[name] ?? []).map((other) => other.replace(/^type /, "").replace(/\/.*/, ""));
  return {
    name: `@nodemanager/${name}`,
    description: name,
    license: "Apache-2.0",
    type: "module",
    engines: { node: ">=24.11" },
    dependencies: Object.fromEntries(dependencies.map((other) => [`@nodemanager/${other}`, "workspace:*"])),
    ...(APPS.includes(name) || name === "testing" ? { private: true } : { publishConfig: { exports: exports(false) } }),
    ...(!APPS.includes(name) && { sideEffects: false, exports: exports(true) }),
  };
}

/** Makes a workspace in which everything is right but these files, and says what is found. */
export async function violationsOf(root: string, files: Files): Promise<string[]> {
  const all: Record<string, string | undefined> = {};
  for (const name of Object.keys(DIRECTIONS)) {
    const entries = ENTRIES[name] ?? ["index"];
    all[`${dirOf(name)}/package.json`] = JSON.stringify(manifestOf(name));
    all[`${dirOf(name)}/README.md`] = "";
    all[`${dirOf(name)}/tsup.config.ts`] = entries.map((entry) => `"src/${entry}.ts"`).join();
    for (const entry of entries) {
      all[`${dirOf(name)}/src/${entry}.ts`] = "";
    }
  }
  for (const [file, text] of Object.entries({ ...all, ...files })) {
    if (text !== undefined) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), text);
    }
  }
  return checkWorkspace(root).map(formatViolation);
}
