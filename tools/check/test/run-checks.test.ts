import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../packages/testing/src/temp-dir.ts";
import { type Check, runChecks } from "../src/check.ts";
import { command } from "../src/command.ts";
import { leftoversCheck } from "../src/leftovers.ts";
import { tallyOf } from "../src/run-tests.ts";

async function run(...checks: readonly Check[]): Promise<{ lines: string[]; passed: number; failed: number }> {
  let output = "";
  const tally = await runChecks(checks, (text) => {
    output += text;
  });
  return {
    lines: output
      .replaceAll(/\d+\.\d s/g, "N s")
      .trimEnd()
      .split("\n"),
    ...tally,
  };
}

function sh(name: string, script: string): Check {
  return command(name, "/", "sh", ["-c", script]);
}

test("each check has a line, a failing one its output, and the others go on", async () => {
  const result = await run(
    sh("first", "echo not shown"),
    sh("second", "echo on stdout; echo on stderr >&2; exit 3"),
    sh("third", "true"),
  );
  expect(result).toMatchObject({ passed: 2, failed: 1 });
  expect(result.lines[0]).toBe("ok    first (N s)");
  expect(result.lines[1]).toBe("FAIL  second (N s)");
  expect(result.lines.slice(2, -1)).toEqual(expect.arrayContaining(["      on stdout", "      on stderr"]));
  expect(result.lines.join("\n")).toContain("exited with 3");
  expect(result.lines.at(-1)).toBe("ok    third (N s)");
});

test.each([
  ["is killed", sh("x", "kill -9 $$"), "was killed by SIGKILL"],
  ["cannot be started", command("x", "/", "/no/such/program", []), "did not start"],
  ["throws", { name: "x", run: () => Promise.reject(new Error("a bug")) }, "a bug"],
])("a check that %s has failed", async (_, check, expected) => {
  const result = await run(check);
  expect(result).toMatchObject({ passed: 0, failed: 1 });
  expect(result.lines.join("\n")).toContain(expected);
});

test("what the tests left behind is named", async () => {
  await using dir = await tempDir();
  expect(await run(leftoversCheck(dir.path))).toMatchObject({ passed: 1, failed: 0 });
  await writeFile(join(dir.path, "left"), "");
  const result = await run(leftoversCheck(dir.path));
  expect(result).toMatchObject({ passed: 0, failed: 1 });
  expect(result.lines).toContain("      left");
});

test("tests are counted one by one", () => {
  const passed = { status: "passed", assertionResults: [{ status: "passed" }, { status: "passed" }] };
  expect(tallyOf({ numPassedTests: 2, numFailedTests: 0, testResults: [passed] }, true)).toEqual({
    passed: 2,
    failed: 0,
  });
  const failed = { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] };
  expect(tallyOf({ numPassedTests: 3, numFailedTests: 1, testResults: [passed, failed] }, false)).toEqual({
    passed: 3,
    failed: 1,
  });
});

test("a file that cannot be loaded, an unhandled error and a missing report are failures", () => {
  const unloadable = { status: "failed", assertionResults: [] };
  expect(tallyOf({ numPassedTests: 0, numFailedTests: 0, testResults: [unloadable] }, false).failed).toBe(1);
  expect(tallyOf({ numPassedTests: 2, numFailedTests: 0, testResults: [] }, false).failed).toBe(1);
  expect(tallyOf(undefined, true).failed).toBe(1);
});
