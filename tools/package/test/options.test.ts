import { expect, test } from "vitest";
import { parseOptions } from "../src/options.ts";

test("without arguments everything is made, compressed as for a release", () => {
  expect(parseOptions([])).toEqual({
    parts: new Set(["scripts", "executables", "deb"]),
    arches: ["x64", "arm64"],
    compression: "xz",
  });
});

test("parts, architectures and the compression can be chosen", () => {
  expect(parseOptions(["--only", "deb", "--only", "scripts", "--arch", "arm64", "--compression", "zstd"])).toEqual({
    parts: new Set(["deb", "scripts"]),
    arches: ["arm64"],
    compression: "zstd",
  });
});

test.each([["--only", "rpm"], ["--arch", "mips"], ["--compression", "zip"], ["--fast"], ["deb"]])(
  "%j is refused",
  (...args) => {
    expect(() => parseOptions(args)).toThrow();
  },
);
