import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openRepository } from "@nodemanager/repository";
import { collect, reasonOf, tarOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { PROFILE, publication, repositoryDir } from "../support/applications.ts";
import { objectOf, TestNode } from "../support/test-node.ts";

const plain = (text: string) => ({ bytes: Buffer.from(text), format: "file" }) as const;
const docs = (text: string) =>
  ({ bytes: gzipSync(tarOf({ name: "index", content: text })), format: "tar.gz" }) as const;

/** A package that is in the repository, as an envelope names it. */
async function offered(node: TestNode, title: string, text: string) {
  const installation = await node.install({ mode: "steady", title, packages: { it: plain(text) } });
  const { it } = (await node.installation(installation)).envelope.packages;
  if (!it) {
    throw new Error("an application has lost its package");
  }
  return it;
}

test("an installation's own packages survive its update, and an instance sees those of the version it is moved to", async () => {
  await using node = await TestNode.open();
  const light = await offered(node, "light", "light");
  const first = { docs: docs("first"), theme: plain("dark") };
  const origin = await publication({ mode: "steady", title: "site", soakMs: 50, packages: first });
  const installation = await objectOf(node.manager.install(origin, { packages: { theme: light } }));
  const instance = await node.start(installation);
  const packages = join((await node.instance(instance)).rootDir, "packages");
  const seen = async () => Promise.all(["docs/index", "theme"].map((path) => readFile(join(packages, path), "utf8")));
  expect(await seen()).toEqual(["first", "light"]);

  const second = { docs: docs("second"), theme: plain("darker"), more: plain("more") };
  await publication({ mode: "steady", title: "site", version: "2.0.0", soakMs: 50, packages: second });
  await collect(node.manager.update(installation));
  expect(await seen()).toEqual(["first", "light"]);
  await collect(node.manager.update(instance, { restart: true }));
  expect(await seen()).toEqual(["second", "light"]);
  expect((await readdir(packages)).sort()).toEqual(["docs", "more", "theme"]);
  await collect(node.manager.revert(instance, { restart: true }));
  expect(await seen()).toEqual(["first", "light"]);
});

test("a hostile package in the next version is refused, and the installation stays as it was", async () => {
  await using node = await TestNode.open();
  const evil = await offered(node, "evil", tarOf({ name: "../evil", content: "x" }).toString("latin1"));
  const installation = await node.install({ mode: "steady", title: "victim" });
  // A publisher of ours would not upload it as an archive.
  await using repository = await openRepository({ kind: "file", dir: await repositoryDir() }, {});
  const envelope = { ...(await node.installation(installation)).envelope, version: "2.0.0" };
  const hostile = { ...envelope, packages: { evil: { ...evil, format: "tar" } } } as const;
  await repository.applications.put("victim", { profiles: [PROFILE], envelope: hostile });
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager.update(installation)))).toBe("INVALID_PACKAGE");
  expect(await node.listing()).toEqual(before);
  expect((await node.installation(installation)).version).toBe("1.0.0");
  await node.start(installation);
});
