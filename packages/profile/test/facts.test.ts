import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { computeSpecification, knownProfiles, matchProfiles } from "@nodemanager/profile";
import { collectNodeFacts, readNodeFacts } from "@nodemanager/profile/facts";
import { tempDir } from "@nodemanager/testing";
import { expect, test } from "vitest";

async function script(dir: string, name: string, body: string): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

test("this machine is a known kind of node", async () => {
  const specification = computeSpecification(await readNodeFacts());
  const labels = matchProfiles(specification, knownProfiles);
  expect(labels).toEqual([`linux-${specification.arch}-${specification.libc?.family}`, `linux-${specification.arch}`]);
  expect(specification.libc?.version).toMatch(/^\d+\.\d+/);
});

test("facts are read once, also by callers at the same time", async () => {
  const [first, second] = await Promise.all([readNodeFacts(), readNodeFacts()]);
  expect(second).toBe(first);
});

test("ldconfig is asked with -p, in the C locale and with nothing else in its environment", async () => {
  await using dir = await tempDir();
  const file = await script(dir.path, "ldconfig", 'echo "args=$*"; echo "lc=$LC_ALL"; echo "home=$HOME"');
  const { ldconfig } = await collectNodeFacts({ ldconfig: [join(dir.path, "missing"), file] });
  expect(ldconfig).toBe("args=-p\nlc=C\nhome=\n");
});

test("an ldconfig that is missing, cannot be run or fails is none", async () => {
  await using dir = await tempDir();
  const notExecutable = join(dir.path, "plain");
  await writeFile(notExecutable, "text");
  const failing = await script(dir.path, "failing", "echo nonsense; exit 1");
  const facts = await collectNodeFacts({ ldconfig: [join(dir.path, "missing"), notExecutable, failing] });
  expect(facts.ldconfig).toBeUndefined();
  expect(computeSpecification(facts).libraries).toEqual([]);
});
