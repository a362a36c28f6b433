import { collect, reasonOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { endsOf, TestNode } from "./support/test-node.ts";

test.concurrent("a partial name means everything below it that the operation applies to, with one result each", async () => {
  await using node = await TestNode.open();
  const one = await node.install({ mode: "steady" });
  const two = await node.install({ mode: "steady" });
  const other = await node.install({ mode: "settled" });

  const starts = await collect(node.manager.start("apps/steady"));
  const outcomes = starts.filter((event) => event.kind === "outcome");
  expect(outcomes.map((event) => event.name).sort()).toEqual([one, two].sort());
  const [ofOne = "", ...moreOfOne] = await node.names(`${one}/*`);
  const [ofTwo = "", ...moreOfTwo] = await node.names(`${two}/*`);
  expect([moreOfOne, moreOfTwo, await node.names(`${other}/*`)]).toEqual([[], [], []]);
  expect(outcomes.map((event) => event.object).sort()).toEqual([ofOne, ofTwo].sort());

  await collect(node.manager.start("apps"));
  expect(await node.names("apps/*/*/*")).toHaveLength(5);
  await collect(node.manager.suspend(ofOne));
  expect(Object.keys(await endsOf(node.manager.suspend(one)))).toHaveLength(1);
  expect(Object.keys(await endsOf(node.manager.resume("apps/steady"))).every((name) => name.startsWith(one))).toBe(
    true,
  );
  expect(Object.keys(await endsOf(node.manager.restart(two)))).toHaveLength(2);
  expect(Object.values(await endsOf(node.manager.stop("apps")))).toEqual(Array.from({ length: 5 }, () => "outcome"));
  expect(await endsOf(node.manager.stop("apps"))).toEqual({});
  expect(Object.keys(await endsOf(node.manager.uninstall("apps"))).sort()).toEqual([one, two, other].sort());
});

test.concurrent("of a batch some can fail, which is seen, and the others are done", async () => {
  await using node = await TestNode.open();
  const steady = await node.install({ mode: "steady" });
  const failing = await node.install({ mode: "failing" });
  expect(await endsOf(node.manager.start("apps"))).toEqual({ [steady]: "outcome", [failing]: "CHILD_EXITED" });

  const [instance = ""] = await node.names(`${steady}/*`);
  const [failed = ""] = await node.names(`${failing}/*`);
  const { pid } = await node.running({ mode: "deaf" });
  const [deaf = ""] = await node.names("apps/deaf/*/*");
  const slow = collect(node.manager.suspend(deaf, { deadlineMs: 300 }));
  await node.until(deaf, "suspending");
  expect(await endsOf(node.manager.stop("apps"))).toEqual({
    [instance]: "outcome",
    [failed]: "outcome",
    [deaf]: "OPERATION_IN_PROGRESS",
  });
  await slow;
  expect(pid).toBeGreaterThan(0);
});

test.concurrent("a batch that nobody waits for any more ends what has not been done", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "never" });
  await node.install({ mode: "never" });
  const abort = new AbortController();
  const starts = endsOf(node.manager.start("apps", { signal: abort.signal }));
  await node.until(await node.firstInstance(installation), "starting");
  abort.abort();
  expect(Object.values(await starts)).toEqual(["CANCELLED", "CANCELLED"]);
  expect(await node.names("apps/*/*/*")).toEqual([]);
});

test.concurrent("everything that is ended is ended at the same time", async () => {
  await using node = await TestNode.open();
  const installation = await node.install({ mode: "deaf" });
  await Promise.all(Array.from({ length: 20 }, () => node.start(installation)));
  const begun = performance.now();
  await collect(node.manager.stop("apps", { deadlineMs: 400 }));
  // One after the other, or sixteen and then four, would take at least twice the deadline.
  expect(performance.now() - begun).toBeLessThan(4000);
  expect(await node.names("apps/*/*/*")).toEqual([]);
});

test.concurrent.each([
  ["start", "apps/x/nonsense", "INVALID_NAME"],
  ["start", "everything", "INVALID_NAME"],
  ["start", "apps/node manager", "RESERVED_TITLE"],
  ["start", "apps/unknown", "APPLICATION_NOT_FOUND"],
  ["start", `apps/x/${"a".repeat(26)}`, "INSTALLATION_NOT_FOUND"],
  ["start", `apps/x/${"a".repeat(26)}/${"a".repeat(26)}`, "NOT_APPLICABLE"],
  ["start", "nm", "NOT_APPLICABLE"],
  ["stop", "nm", "NOT_APPLICABLE"],
  ["stop", `apps/x/${"a".repeat(26)}`, "INSTALLATION_NOT_FOUND"],
  ["suspend", "apps/unknown", "APPLICATION_NOT_FOUND"],
  ["resume", `apps/x/${"a".repeat(26)}/${"a".repeat(26)}`, "INSTANCE_NOT_FOUND"],
  ["uninstall", `apps/x/${"a".repeat(26)}/${"a".repeat(26)}`, "NOT_APPLICABLE"],
  ["uninstall", `apps/x/${"a".repeat(26)}`, "INSTALLATION_NOT_FOUND"],
  ["refresh", "nm", "NOT_APPLICABLE"],
] as const)("%s %s is %s", async (verb, name, reason) => {
  await using node = await TestNode.open();
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager[verb](name)))).toBe(reason);
  expect(await node.listing()).toEqual(before);
});
