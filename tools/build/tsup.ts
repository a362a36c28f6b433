import { chmod, rename } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

type Config = ReturnType<typeof defineConfig>;

const common = {
  format: "esm",
  target: "node24",
  platform: "node",
  clean: true,
  // TypeScript 7 has no compiler API for tsup to make declarations with; `tsc` makes them in the same build script.
  dts: false,
  // node:ffi, node:sqlite and node:sea exist only under their full names.
  removeNodeProtocol: false,
} as const;

const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** A library: one file for each entry, dependencies left to the package manager. */
export function library(entry: readonly string[]): Config {
  return defineConfig({ ...common, entry: [...entry], sourcemap: true });
}

/**
 * A program that needs nothing but Node, in one file.
 *
 * @param conditions - of `exports`, for what is not built otherwise
 */
export function program(entry: string, { conditions = [] }: { readonly conditions?: readonly string[] } = {}): Config {
  const { esbuildOptions, ...options } = selfContained(REQUIRE);
  return defineConfig({
    ...options,
    entry: [entry],
    splitting: false,
    metafile: true,
    esbuildOptions(esbuild, context) {
      esbuildOptions?.(esbuild, context);
      esbuild.conditions = [...conditions, "module"];
    },
  });
}

/**
 * A program that needs nothing but Node, twice: with a file for each part that is loaded when it is first used, and as one
 * executable script, `dist/bundle/NAME`, which can be copied, published and installed.
 *
 * @param bundled - where the script begins, relative to the package
 */
export function programAndBundle(entry: string, { name, bundled }: { name: string; bundled: string }): Config {
  return defineConfig([
    // What the other build writes is that one's to clean.
    { ...selfContained(REQUIRE), entry: [entry], splitting: true, clean: ["!bundle/**"] },
    {
      ...selfContained(`#!/usr/bin/env node\n${versionCheck(name)}${REQUIRE}`),
      entry: { [name]: bundled },
      outDir: "dist/bundle",
      splitting: false,
      // An older Node has to understand what it reads to be told that it is too old.
      target: "node20",
      async onSuccess() {
        // A name without an extension is more than esbuild can write.
        await chmod(`dist/bundle/${name}.js`, 0o755);
        await rename(`dist/bundle/${name}.js`, `dist/bundle/${name}`);
      },
    },
  ]);
}

function selfContained(banner: string): Options {
  return {
    ...common,
    // grpc-js would load it for channelz, which nothing here serves.
    external: ["@grpc/proto-loader"],
    noExternal: [/^(?!@grpc\/proto-loader)/],
    // White space is held in memory as long as the program runs, and any character beyond ASCII doubles that. Names stay,
    // for those who read a stack trace.
    esbuildOptions(options) {
      options.minifyWhitespace = true;
      options.minifySyntax = true;
      options.charset = "ascii";
    },
    banner: { js: banner },
  };
}

/** The first thing that a script does: a sentence instead of a stack trace from somewhere in the middle. */
function versionCheck(name: string): string {
  return `{const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 11)) {
process.stderr.write(\`${name}: it needs Node 24.11 or newer, and \${process.execPath} is \${process.versions.node}\\n\`);
process.exit(1);
}}
`;
}
