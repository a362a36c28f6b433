// Makes what is installed: `npm run package -- [--only PART]... [--arch ARCH]... [--compression C]`.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { DEBIAN_ARCH } from "./src/arch.ts";
import { buildDebianPackage } from "./src/debian-package.ts";
import { debianVersion } from "./src/debian-version.ts";
import { buildExecutable } from "./src/executable.ts";
import { licensesOf } from "./src/licenses.ts";
import { nodeBinary } from "./src/node-binary.ts";
import { type Options, parseOptions, USAGE } from "./src/options.ts";
import { runTool } from "./src/run-tool.ts";

const root = dirname(dirname(import.meta.dirname));
const cache = join(root, ".cache/package");
const build = join(root, "build");
const { version }: { version: string } = JSON.parse(readFileSync(join(root, "apps/noded/package.json"), "utf8"));
const time = Number(process.env.SOURCE_DATE_EPOCH ?? runTool("git", ["log", "-1", "--format=%ct"], { cwd: root }));

let options: Options;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
mkdirSync(build, { recursive: true });
const made: string[] = [];

if (options.parts.has("scripts")) {
  for (const name of ["noded", "nmctl"]) {
    const file = join(build, name);
    copyFileSync(join(root, `apps/${name}/dist/bundle/${name}`), file);
    chmodSync(file, 0o755);
    made.push(file);
  }
}
if (options.parts.has("executables") || options.parts.has("deb")) {
  runTool(join(root, "node_modules/.bin/tsup"), [], { cwd: import.meta.dirname });
  const licenses = licensesOf(join(import.meta.dirname, "dist/metafile-esm.json"), import.meta.dirname);
  for (const arch of options.arches) {
    const node = nodeBinary(arch, { root, cache });
    if (!node.isStripped) {
      console.error(`[package] ${arch}: larger than need be, for nothing here takes symbols out of its programs`);
    }
    const executable = join(build, `noded-${version}-linux-${arch}`);
    const script = join(import.meta.dirname, "dist/multi-call.js");
    buildExecutable(arch, { node: node.file, script, output: executable, scratch: cache });
    made.push(executable);
    if (options.parts.has("deb")) {
      const output = join(build, `noded_${debianVersion(version)}_${DEBIAN_ARCH[arch]}.deb`);
      const nodeLicense = readFileSync(node.licenseFile, "utf8");
      buildDebianPackage({
        ...{ arch, version, executable, nodeLicense, packageLicenses: licenses, time, output },
        ...{ compression: options.compression, scratch: cache },
      });
      made.push(output);
    }
  }
}
for (const file of made) {
  console.log(`${relative(root, file).padEnd(44)} ${(statSync(file).size / 1e6).toFixed(1).padStart(7)} MB`);
}
