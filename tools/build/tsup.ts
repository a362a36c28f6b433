import { defineConfig } from "tsup";

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

/** A library: one file for each entry, dependencies left to the package manager. */
export function library(entry: readonly string[]): Config {
  return defineConfig({ ...common, entry: [...entry], sourcemap: true });
}

/**
 * A program that needs nothing but Node: one file, or, with `splitting`, a file for each part that is loaded when it is
 * first used.
 */
export function program(entry: readonly string[], { splitting }: { readonly splitting: boolean }): Config {
  return defineConfig({
    ...common,
    entry: [...entry],
    // grpc-js would load it for channelz, which nothing here serves.
    external: ["@grpc/proto-loader"],
    noExternal: [/^(?!@grpc\/proto-loader)/],
    splitting,
    // White space is held in memory as long as the program runs, and any character beyond ASCII doubles that. Names stay,
    // for those who read a stack trace.
    esbuildOptions(options) {
      options.minifyWhitespace = true;
      options.minifySyntax = true;
      options.charset = "ascii";
    },
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
}
