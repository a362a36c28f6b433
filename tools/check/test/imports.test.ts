import { expect, test } from "vitest";
import { findImports } from "../src/imports.ts";

test.each([
  ['import { x } from "a";', "a value 1"],
  ['import x, { type Y } from "a";', "a value 1"],
  ['import * as x from "a";', "a value 1"],
  ['import "a";', "a value 1"],
  ['import type { X } from "a";', "a type 1"],
  ['import type X from "a";', "a type 1"],
  ['import { type X } from "a";', "a value 1"],
  ['import type from "a";', "a value 1"],
  ['export { x } from "a";', "a value 1"],
  ['export * from "a";', "a value 1"],
  ['export * as x from "a";', "a value 1"],
  ['export type { X } from "a";', "a type 1"],
  ['const x = await import("a");', "a value 1"],
  ["const x = import('a');", "a value 1"],
  ['type X = import("a").X;', "a value 1"],
  ['\nimport {\n  x,\n  y,\n} from "a";', "a value 5"],
  ['const x = 1;\nimport { y } from "a";', "a value 2"],
  ['export const x = "from";\nimport { y } from "a";', "a value 2"],
])("%j", (source, expected) => {
  expect(
    findImports(source).map(({ specifier, isType, line }) => `${specifier} ${isType ? "type" : "value"} ${line}`),
  ).toEqual([expected]);
});

test.each([
  '// import "a";',
  '/**\n * import { x } from "a";\n */',
  'const from = "a";',
  'export const x = "a";',
  "import.meta.url",
])("%j imports nothing", (source) => {
  expect(findImports(source)).toEqual([]);
});
