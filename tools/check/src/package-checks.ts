import { cp, mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "./check.ts";
import { findingsOf } from "./command.ts";
import { readWorkspace, SCOPE, type WorkspacePackage } from "./read-workspace.ts";

/**
 * Checks of the tarballs that would be published: their shape, each, and then all of them together as somebody who installed
 * them has them: declarations that compile and modules that load with nothing but the declared dependencies.
 *
 * @param scratch - an empty directory for the tarballs and the consumer
 */
export function packageChecks(root: string, scratch: string): Check[] {
  const packages = readWorkspace(root).filter(({ kind, manifest }) => kind === "library" && !manifest.private);
  return [
    ...packages.map((pkg) => ({
      name: `package ${pkg.manifest.name}: publint, are the types wrong`,
      run: () => checkTarball(root, scratch, pkg),
    })),
    {
      name: "packages as a consumer has them: types, imports, the READMEs' examples",
      run: () => checkConsumer(root, scratch, packages),
    },
  ];
}

async function checkTarball(root: string, scratch: string, pkg: WorkspacePackage): Promise<string> {
  const dir = join(root, pkg.dir);
  const tarball = tarballOf(scratch, pkg);
  return (
    (await findingsOf(dir, "pnpm", ["pack", "--out", tarball])) ||
    (await findingsOf(dir, "publint", ["run", tarball, "--strict"])) ||
    (await findingsOf(dir, "attw", [tarball, "--profile", "esm-only", "--no-emoji"]))
  );
}

async function checkConsumer(root: string, scratch: string, packages: readonly WorkspacePackage[]): Promise<string> {
  const consumer = join(scratch, "consumer");
  const modules = join(consumer, "node_modules");
  const specifiers: string[] = [];
  for (const pkg of packages) {
    const target = join(modules, SCOPE, pkg.name);
    await mkdir(target, { recursive: true });
    const findings = await findingsOf(target, "tar", ["xf", tarballOf(scratch, pkg), "--strip-components=1"]);
    if (findings) {
      return findings;
    }
    await linkDependencies(root, target, pkg);
    for (const entry of Object.keys(pkg.manifest.exports ?? {}).filter((entry) => entry !== "./package.json")) {
      specifiers.push(`${SCOPE}${pkg.name}${entry.slice(1)}`);
    }
  }
  await symlink(await realpath(join(root, "node_modules/@types")), join(modules, "@types"));
  await writeExamples(root, consumer, packages);
  const source = specifiers.map((specifier, i) => `import * as entry${i} from "${specifier}";`);
  source.push(`export const entries = [${specifiers.map((_, i) => `Object.keys(entry${i})`).join(", ")}];`);
  await writeFile(join(consumer, "consumer.mts"), `${source.join("\n")}\n`);
  await cp(join(import.meta.dirname, "../consumer.tsconfig.json"), join(consumer, "tsconfig.json"));
  return (
    (await findingsOf(consumer, "tsc", ["-p", "tsconfig.json"])) ||
    (await findingsOf(consumer, "node", ["consumer.mts"]))
  );
}

/** Writes each example of a README as a module of its own, to be compiled. */
async function writeExamples(root: string, consumer: string, packages: readonly WorkspacePackage[]): Promise<void> {
  for (const pkg of packages) {
    const readme = await readFile(join(root, pkg.dir, "README.md"), "utf8").catch(() => "");
    for (const [i, example] of [...readme.matchAll(/^```ts\n(.*?)^```/gms)].entries()) {
      await writeFile(join(consumer, `readme-${pkg.name}-${i}.mts`), `export {};\n${example[1]}`);
    }
  }
}

/** Gives a package its dependencies of others, and no more, from where the workspace has them. */
async function linkDependencies(root: string, target: string, pkg: WorkspacePackage): Promise<void> {
  const names = Object.keys(pkg.manifest.dependencies ?? {}).filter((name) => !name.startsWith(SCOPE));
  for (const name of names) {
    const link = join(target, "node_modules", name);
    await mkdir(join(link, ".."), { recursive: true });
    await symlink(await realpath(join(root, pkg.dir, "node_modules", name)), link);
  }
}

function tarballOf(scratch: string, pkg: WorkspacePackage): string {
  return join(scratch, `${pkg.name}.tgz`);
}
