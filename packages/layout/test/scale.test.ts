import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { newInstanceId } from "@nodemanager/core";
import { expect, test } from "vitest";
import { createInstance, install, open } from "./support/fixture.ts";
import { memoryDir } from "./support/memory-dir.ts";
import { RecordingFs } from "./support/recording-fs.ts";

test("any number of instances is listed with one listing of a directory each, and others get their turn", async () => {
  await using dir = await memoryDir();
  const many = 1_000;
  const first = await open(dir.path);
  const { name: installation } = await install(first);
  const template = await first.instances.read(await createInstance(first, installation));
  const version = readlinkSync(join(template.dir, "version"));
  const document = readFileSync(join(template.dir, "instance.json"));
  rmSync(join(template.dir, "suspended"));
  for (let n = 1; n < many; n += 1) {
    const place = join(dirname(template.dir), `instance-${newInstanceId()}`);
    mkdirSync(place);
    symlinkSync(version, join(place, "version"));
    writeFileSync(join(place, "instance.json"), document);
  }
  await first[Symbol.asyncDispose]();

  let listings = 0;
  let reads = 0;
  let verbs = 0;
  const fs = new RecordingFs((verb) => {
    verbs += 1;
    listings += verb === "readdir" ? 1 : 0;
    reads += verb === "readFile" ? 1 : 0;
  });
  await using root = await open(dir.path, { fs });
  listings = 0;
  reads = 0;
  verbs = 0;
  let turns = 0;
  const other = () => {
    turns += 1;
    others = setImmediate(other);
  };
  let others = setImmediate(other);
  let count = 0;
  for await (const record of root.instances.list(installation)) {
    count += record.kind === "instance" ? 1 : 0;
  }
  clearImmediate(others);
  expect(count).toBe(many);
  expect(listings).toBe(many + 1);
  expect(reads).toBe(many);
  // The link to its version, besides.
  expect(verbs).toBe(3 * many + 1);
  expect(turns).toBeGreaterThan(3);
});
