import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { sourceOf } from "./entries.ts";
import type { WorkspacePackage } from "./read-workspace.ts";
import type { Violation } from "./violation.ts";

/** What every package has: a README, the same licence and engine, and exports that are there in all their forms. */
export function checkManifest(root: string, pkg: WorkspacePackage): Violation[] {
  if (pkg.kind === "tool") {
    return [];
  }
  const { manifest } = pkg;
  const wrong: string[] = [];
  const expect = (isRight: boolean, message: string) => {
    if (!isRight) {
      wrong.push(message);
    }
  };
  expect(existsSync(join(root, pkg.dir, "README.md")), "there is no README.md beside it");
  expect(manifest.license === "Apache-2.0", 'license is not "Apache-2.0"');
  expect(manifest.type === "module", 'type is not "module"');
  expect(manifest.engines?.node === ">=24.11", 'engines.node is not ">=24.11"');
  expect(Boolean(manifest.description), "description is missing");
  if (pkg.kind === "app") {
    expect(manifest.private === true, "an app is private: it is not published to a registry");
  } else {
    expect(manifest.sideEffects === false, "sideEffects is not false");
    wrong.push(...checkExports(root, pkg));
  }
  return wrong.map((message) => ({ file: `${pkg.dir}/package.json`, message }));
}

function checkExports(root: string, pkg: WorkspacePackage): string[] {
  const { exports = {}, publishConfig, private: isPrivate } = pkg.manifest;
  const wrong: string[] = [];
  const published: Record<string, unknown> = {};
  const config = join(root, pkg.dir, "tsup.config.ts");
  const entries = existsSync(config) ? readFileSync(config, "utf8") : "";
  for (const [name, target] of Object.entries(exports)) {
    if (name === "./package.json") {
      published[name] = target;
      continue;
    }
    const source = sourceOf(target) ?? "";
    const stem = /^\.\/src\/(.+)\.ts$/.exec(source)?.[1];
    if (stem === undefined) {
      wrong.push(`exports[${JSON.stringify(name)}] has no "@nodemanager/source" of the form ./src/NAME.ts`);
      continue;
    }
    const built = { types: `./dist/${stem}.d.ts`, default: `./dist/${stem}.js` };
    published[name] = built;
    // The order counts: the first condition that holds is taken.
    if (JSON.stringify(target) !== JSON.stringify({ "@nodemanager/source": source, ...built })) {
      wrong.push(`exports[${JSON.stringify(name)}] is not the source, its types and its JavaScript, in this order`);
    }
    if (!existsSync(join(root, pkg.dir, source))) {
      wrong.push(`exports[${JSON.stringify(name)}]: there is no ${source}`);
    }
    if (!entries.includes(`"src/${stem}.ts"`)) {
      wrong.push(`exports[${JSON.stringify(name)}]: src/${stem}.ts is not an entry of tsup.config.ts`);
    }
  }
  if (exports["./package.json"] !== "./package.json") {
    wrong.push('exports["./package.json"] is missing');
  }
  if (!isPrivate && !isDeepStrictEqual(publishConfig?.exports, published)) {
    wrong.push("publishConfig.exports is not exports without the source");
  }
  return wrong;
}
