import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ManagerUpdate_State as State } from "@nodemanager/proto/v1";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { install, orderly, plainScript } from "../src/applications.ts";
import { processesAt } from "../src/census.ts";
import { managerOrigin, publishManager } from "../src/manager-versions.ts";
import { RUNSV } from "../src/programs.ts";
import { Supervised, type SupervisedOptions } from "../src/supervised.ts";
import { leftoversIn } from "../src/tree.ts";

// Managers are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

async function made(o: SupervisedOptions = {}): Promise<Supervised> {
  const supervised = await Supervised.make(o);
  onTestFinished(async () => {
    await supervised[Symbol.asyncDispose]();
  });
  return supervised;
}

async function started(o: SupervisedOptions = {}): Promise<Supervised> {
  const supervised = await made(o);
  await supervised.switchOn();
  return supervised;
}

/** Nothing of a trial is left, on disk or in the process table; other things may be under way. */
function expectNoTrial({ device }: Supervised): void {
  expect(processesAt(join(device.root, "run"))).toEqual([]);
  expect(leftoversIn(join(device.root, "run"))).toEqual([]);
}

describe.skipIf(!existsSync(RUNSV))("under runit's runsv", () => {
  test("D1: the manager moves up twice and back twice, and says what is in the way", async () => {
    // 1. Started by hand, and not through the link: what that points to matters to nobody.
    const nm = await made({ version: "0.1.0-factory" });
    const { device } = nm;
    expect((await device.nmctl("status", "nm")).reason).toBe("NODE_UNAVAILABLE");
    // 2. An origin that offers something else.
    await publishManager(device, { version: "1.0.0", title: "impostor" });
    const impostor = await nm.startByHand(nm.args(managerOrigin(device, "impostor")));
    expect((await device.nmctl("update", "nm")).reason).toBe("TITLE_MISMATCH");
    await impostor.end();
    const factory = await nm.startByHand();
    expect(await nm.status()).toMatchObject({ version: "0.1.0-factory", workspace: "", previousVersion: "" });
    // 3. Nothing to go back to.
    expect((await device.nmctl("revert", "nm")).reason).toBe("NO_PREVIOUS_VERSION");
    const linkBefore = nm.current;
    // 4. An application that takes its time to stop shows what is so while the manager ends.
    await device.ok("start", await install(device, orderly(device), { title: "orderly" }));
    await publishManager(device, { version: "1.0.0" });
    await device.ok("update", "nm");
    const first = nm.current;
    expect(first).not.toBe(linkBefore);
    // 5. The trial is over.
    expectNoTrial(nm);
    // 6. While the first one shuts down.
    expect((await device.nmctl("update", "nm")).reason).toBe("OPERATION_IN_PROGRESS");
    expect((await device.nmctl("revert", "nm")).reason).toBe("OPERATION_IN_PROGRESS");
    // 7. It ends by itself.
    expect((await factory.ended).code).toBe(100);
    // 8. Through the link.
    await nm.switchOn();
    expect(await nm.until(({ healthy }) => healthy)).toMatchObject({
      version: "1.0.0",
      previousVersion: "0.1.0-factory",
      lastUpdate: { state: State.HEALTHY, fromVersion: "0.1.0-factory", toVersion: "1.0.0" },
    });
    // 9. Nothing new.
    expect((await device.nmctl("update", "nm")).reason).toBe("UPDATE_NOT_AVAILABLE");
    expect(nm.current).toBe(first);
    // 10. What cannot read the format.
    await publishManager(device, { version: "1.1.0", text: "#!/bin/sh\necho 'FORMAT_TOO_NEW' >&2\nexit 65\n" });
    expect((await device.nmctl("update", "nm")).reason).toBe("TRIAL_FAILED");
    expect(nm.current).toBe(first);
    // 11. Up once more.
    await publishManager(device, { version: "2.0.0" });
    await device.ok("update", "nm", "--wait");
    expect(nm.current).not.toBe(first);
    expectNoTrial(nm);
    expect(await nm.status()).toMatchObject({ version: "2.0.0", previousVersion: "1.0.0", healthy: true });
    // 12. Back, to exactly the script of before.
    await device.ok("revert", "nm");
    expect((await device.nmctl("revert", "nm")).reason).toMatch(/^(OPERATION_IN_PROGRESS|NODE_UNAVAILABLE)$/);
    await nm.until(({ version }) => version === "1.0.0");
    expect(nm.current).toBe(first);
    // 13. Back to what the device came with.
    await device.ok("revert", "nm", "--wait");
    expect(await nm.status()).toMatchObject({ version: "0.1.0-factory", previousVersion: "" });
    expect((await device.nmctl("revert", "nm")).reason).toBe("NO_PREVIOUS_VERSION");
    expect(await device.status("apps/*/*/*")).toMatchObject([{ state: 6 }]);
  });

  test.each(["leave", "suspend"] as const)(
    "with the policy %s applications outlive the move or come back",
    async (policy) => {
      const nm = await started({ args: ["--shutdown-policy", policy] });
      const { device } = nm;
      const instance = await device.ok("start", await install(device, plainScript(device)));
      const pid = await device.pidOf(instance);
      await publishManager(device, { version: "2.0.0" });
      await device.ok("update", "nm", "--wait");
      expect(await nm.status()).toMatchObject({ version: "2.0.0", shutdownPolicy: policy, running: 1 });
      expect((await device.pidOf(instance)) === pid).toBe(policy === "leave");
      await device.ok("revert", "nm", "--wait");
      expect(await device.stateOf(instance)).toBe("RUNNING");
      expect((await device.pidOf(instance)) === pid).toBe(policy === "leave");
      await device.ok("uninstall", "apps");
    },
  );

  test("a request id has its effect once, also across the restart", async () => {
    const nm = await started();
    await publishManager(nm.device, { version: "2.0.0" });
    await nm.device.ok("update", "nm", "--wait", "--request-id", "r-1");
    const { current } = nm;
    await nm.device.ok("update", "nm", "--wait", "--request-id", "r-1");
    expect((await nm.device.nmctl("revert", "nm", "--request-id", "r-1")).reason).toBe("INVALID_ARGUMENT");
    expect(nm.current).toBe(current);
    expect((await nm.status()).lastUpdate).toMatchObject({ requestId: "r-1", state: State.HEALTHY });
  });

  test("what an operator changes in the configuration file counts for the version that he moved to", async () => {
    const nm = await made();
    const config = join(nm.device.dir, "noded.json");
    writeFileSync(config, JSON.stringify({ shutdownPolicy: "suspend" }));
    const program = await nm.startByHand([...nm.args(), "--config", config]);
    await publishManager(nm.device, { version: "2.0.0" });
    await nm.device.ok("update", "nm");
    await program.ended;
    writeFileSync(config, JSON.stringify({ shutdownPolicy: "leave" }));
    await nm.switchOn();
    expect(await nm.status()).toMatchObject({ version: "2.0.0", shutdownPolicy: "leave" });
  });
});
