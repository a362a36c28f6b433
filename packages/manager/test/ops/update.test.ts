import { NodeError } from "@nodemanager/core";
import type { OperationEvent } from "@nodemanager/manager";
import { openRepository, type Repository } from "@nodemanager/repository";
import { binaryOf, collect, failureOf, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { type Publication, publication, repositoryDir } from "../support/applications.ts";
import { endsOf, objectOf, TestNode } from "../support/test-node.ts";

/** A further version of an application. */
async function publishNext(title: string, version: string, o: Publication = {}): Promise<string> {
  return await publication({ title, version, mode: "steady", args: [version], ...o });
}

/** An installation of the first version, with one running instance, and a second version at its origin. */
async function updatable(node: TestNode, title: string, next: Publication = {}) {
  const found = await node.running({ title, mode: "steady" });
  await publishNext(title, "2.0.0", next);
  return found;
}

function outcomeOf(events: readonly OperationEvent[]) {
  const end = events.at(-1);
  return end?.kind === "outcome" ? end : undefined;
}

test.concurrent("an update says what it changed, and the way back says the contrary", async () => {
  await using node = await TestNode.open();
  const { installation } = await updatable(node, "changes");
  const updated = outcomeOf(await collect(node.manager.update(installation)));
  expect(updated?.changes).toContainEqual({ field: "version", from: "1.0.0", to: "2.0.0" });
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0", previousVersion: "1.0.0" });
  const reverted = outcomeOf(await collect(node.manager.revert(installation)));
  expect(reverted?.changes).toContainEqual({ field: "version", from: "2.0.0", to: "1.0.0" });
  expect(await node.installation(installation)).toMatchObject({ version: "1.0.0", previousVersion: "" });
});

test.concurrent("a batch says what is up to date or has no version before it, and it has not failed", async () => {
  await using node = await TestNode.open();
  const { installation } = await updatable(node, "batch");
  const other = await objectOf(node.manager.install(await publishNext("batch", "2.0.0")));
  expect(await endsOf(node.manager.update("apps/batch"))).toEqual({ [installation]: "outcome", [other]: "outcome" });
  const notes = (events: readonly OperationEvent[]) =>
    Object.fromEntries(events.flatMap((event) => (event.kind === "outcome" ? [[event.name, event.note]] : [])));
  const expected = { [installation]: "up to date", [other]: "up to date" };
  expect(notes(await collect(node.manager.update("apps")))).toEqual(expected);
  expect(notes(await collect(node.manager.revert("apps")))).toEqual({
    [installation]: "",
    [other]: "nothing to go back to",
  });
  expect(await reasonOf(collect(node.manager.update("nm")))).toBe("NOT_APPLICABLE");
});

test.concurrent("an update has its effect once under its request id, also with a manager in between", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await updatable(node, "once");
  await collect(node.manager.suspend(instance));
  await collect(node.manager.update(installation, { requestId: "update" }));
  await collect(node.manager.update(instance, { requestId: "move" }));
  await publishNext("once", "3.0.0");
  await node.shutdown();
  await node.reopen();
  await collect(node.manager.update(installation, { requestId: "update" }));
  await collect(node.manager.update(instance, { requestId: "move" }));
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
  await collect(node.manager.update(installation, { requestId: "another" }));
  await collect(node.manager.update(instance));
  expect(await node.instance(instance)).toMatchObject({ version: "3.0.0" });

  await collect(node.manager.revert(installation, { requestId: "revert" }));
  await collect(node.manager.revert(instance, { requestId: "back" }));
  await node.shutdown();
  await node.reopen();
  await collect(node.manager.revert(installation, { requestId: "revert" }));
  await collect(node.manager.revert(instance, { requestId: "back" }));
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
  expect(await node.instance(instance)).toMatchObject({ version: "2.0.0" });
});

test.concurrent("of twenty updates at once one wins, and the others are told at once", async () => {
  await using node = await TestNode.open();
  const { installation } = await updatable(node, "twenty");
  const ends = await Promise.all(
    Array.from({ length: 20 }, async () => {
      try {
        await collect(node.manager.update(installation));
        return "done";
      } catch (error) {
        return error instanceof NodeError ? error.reason : String(error);
      }
    }),
  );
  expect(ends.sort()).toEqual([...Array.from({ length: 19 }, () => "OPERATION_IN_PROGRESS"), "done"]);
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0", previousVersion: "1.0.0" });
});

test.concurrent("an update and a revert of one installation, and an uninstallation, do not mix", async () => {
  const held = new HeldRepository();
  await using node = await TestNode.open({ openRepository: () => held.open() });
  const { installation, instance } = await node.running({ title: "mixed", mode: "steady" });
  await publication({ title: "mixed", version: "2.0.0", binary: Buffer.from("#!/bin/sh\necho 2\n") });
  held.hold();
  const updating = collect(node.manager.update(installation));
  await held.reached;
  expect(await reasonOf(collect(node.manager.revert(installation)))).toBe("OPERATION_IN_PROGRESS");
  await collect(node.manager.uninstall(installation));
  held.release();
  expect(await reasonOf(updating)).toBe("INSTALLATION_UNINSTALLED");
  expect(await reasonOf(collect(node.manager.update(installation)))).toBe("INSTALLATION_UNINSTALLED");
  expect(await reasonOf(collect(node.manager.revert(instance)))).toBe("INSTALLATION_UNINSTALLED");
  expect((await node.listing()).filter((line) => line.includes("/.incoming"))).toEqual([]);
});

test.concurrent("an update that is cancelled while it fetches leaves the old version, and nothing else", async () => {
  const held = new HeldRepository();
  await using node = await TestNode.open({ openRepository: () => held.open() });
  const { installation, instance, pid } = await node.running({ title: "cancelled", mode: "steady" });
  await publication({ title: "cancelled", version: "2.0.0", binary: Buffer.from("#!/bin/sh\necho 3\n") });
  const before = await node.listing();
  held.hold();
  const cancel = new AbortController();
  const updating = collect(node.manager.update(installation, { signal: cancel.signal }));
  await held.reached;
  cancel.abort();
  expect(await reasonOf(updating)).toBe("CANCELLED");
  held.release();
  expect(await node.listing()).toEqual(before);
  expect(await node.instance(instance)).toMatchObject({ state: "running", pid });
  await collect(node.manager.update(installation));
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
});

test.concurrent("too little space is noticed before anything is fetched", async () => {
  const held = new HeldRepository();
  await using node = await TestNode.open({ openRepository: () => held.open() });
  const { installation } = await node.running({ title: "narrow", mode: "steady" });
  await publication({ title: "narrow", version: "2.0.0", binary: Buffer.from("#!/bin/sh\necho 4\n") });
  const before = await node.listing();
  const { opened } = held;
  node.setFreeBytes(1000);
  const failure = await failureOf(collect(node.manager.update(installation)));
  expect(failure.reason).toBe("DISK_FULL");
  expect(failure.metadata).toEqual({ neededBytes: "17", freeBytes: "1000" });
  expect(held.opened).toBe(opened);
  expect(await node.listing()).toEqual(before);
  // What is here already needs none.
  await publishNext("narrow", "3.0.0");
  await collect(node.manager.update(installation));
});

test.concurrent("a full disk leaves the old version", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await updatable(node, "full");
  node.fillDisk(true);
  expect(await reasonOf(collect(node.manager.update(installation)))).toBe("DISK_FULL");
  node.fillDisk(false);
  expect(await node.installation(installation)).toMatchObject({ version: "1.0.0", previousVersion: "" });
  await collect(node.manager.update(installation));
  await collect(node.manager.suspend(instance));
  node.fillDisk(true);
  expect(await reasonOf(collect(node.manager.update(instance)))).toBe("DISK_FULL");
  node.fillDisk(false);
  expect(await node.instance(instance)).toMatchObject({ version: "1.0.0", state: "suspended" });
});

test.concurrent("another origin becomes the installation's, also when it offers the same", async () => {
  await using node = await TestNode.open();
  const { installation } = await updatable(node, "elsewhere");
  const origin = `file:${await repositoryDir()}/elsewhere@1.0.0`;
  const moved = outcomeOf(await collect(node.manager.updateTo(installation, origin)));
  expect(moved?.changes?.map(({ field }) => field)).toEqual(["origin"]);
  expect(await node.installation(installation)).toMatchObject({ origin, version: "1.0.0" });
  expect(await reasonOf(collect(node.manager.update(installation)))).toBe("UPDATE_NOT_AVAILABLE");
  const another = await publication({ title: "somebody else", mode: "steady" });
  expect(await reasonOf(collect(node.manager.updateTo(installation, another)))).toBe("TITLE_MISMATCH");
});

test.concurrent("a dry run changes nothing, and does not use up its request id", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await updatable(node, "dry");
  const before = await node.listing();
  const dryRun = { dryRun: true, requestId: "same" };
  const told = outcomeOf(await collect(node.manager.update(installation, dryRun)));
  expect(told).toMatchObject({ note: "nothing to fetch" });
  expect(await node.listing()).toEqual(before);
  await collect(node.manager.update(installation, { requestId: "same" }));
  expect(await node.installation(installation)).toMatchObject({ version: "2.0.0" });
  const ofInstance = outcomeOf(await collect(node.manager.update(instance, { dryRun: true })));
  expect(ofInstance?.changes).toEqual(told?.changes);
  expect(outcomeOf(await collect(node.manager.update(installation, dryRun)))).toMatchObject({
    note: "up to date",
    changes: [],
  });
});

test.concurrent("a binary is stored once for all versions and installations that have it, and goes with the last", async () => {
  await using node = await TestNode.open();
  const { installation, instance } = await updatable(node, "shared");
  await collect(node.manager.update(installation));
  const { envelope } = await node.installation(installation);
  const blobs = async () => (await collect(node.root.blobs.list())).map(({ sha256 }) => sha256);
  expect(await blobs()).toEqual([binaryOf(envelope).sha256]);
  await collect(node.manager.stop(instance));
  await collect(node.manager.uninstall(installation));
  await node.manager.tidy();
  expect(await blobs()).toEqual([]);
});

test.concurrent.each(["update", "revert"] as const)(
  "a stopped instance is gone for an %s, and not up to date",
  async (verb) => {
    await using node = await TestNode.open();
    const { instance } = await node.running({ title: `gone for ${verb}`, mode: "steady" });
    await collect(node.manager.stop(instance));
    expect(await reasonOf(collect(node.manager[verb](instance)))).toBe("INSTANCE_NOT_FOUND");
  },
);

test.concurrent("a corrupt previous is told as that, and a collected one as none", async () => {
  await using node = await TestNode.open();
  const { installation } = await updatable(node, "collected");
  for (const version of ["2.0.0", "3.0.0", "4.0.0", "5.0.0"]) {
    await publishNext("collected", version);
    await collect(node.manager.update(installation));
  }
  // The first is pinned, 3 to 5 are the newest, and 2 is gone.
  for (const version of ["4.0.0", "3.0.0"]) {
    await collect(node.manager.revert(installation));
    expect(await node.installation(installation)).toMatchObject({ version });
  }
  expect(await node.installation(installation)).toMatchObject({ previousVersion: "" });
  expect(await reasonOf(collect(node.manager.revert(installation)))).toBe("NO_PREVIOUS_VERSION");
});

/** The tests' repository, whose binaries can be held back. */
class HeldRepository {
  #gate: PromiseWithResolvers<void> | undefined;
  #reached = Promise.withResolvers<void>();
  opened = 0;

  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  hold(): void {
    this.#gate = Promise.withResolvers();
    this.#reached = Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async open(): Promise<Repository> {
    const real = await openRepository({ kind: "file", dir: await repositoryDir() }, {});
    const held = this;
    return {
      address: real.address,
      applications: real.applications,
      binaries: {
        async *open(sha256, o) {
          held.opened++;
          held.#reached.resolve();
          await held.#gate?.promise;
          yield* real.binaries.open(sha256, o);
        },
        stat: (...args) => real.binaries.stat(...args),
        upload: (...args) => real.binaries.upload(...args),
        delete: (...args) => real.binaries.delete(...args),
      },
      [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
    };
  }
}
