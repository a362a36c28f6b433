import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { Device } from "../src/device.ts";
import { CLONE, NMCTL } from "../src/programs.ts";
import { run } from "../src/ran.ts";

// Programs are started by the dozen, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

test("what docs/packages.md shows goes as it says", async () => {
  await using device = await Device.start();
  const manual = readFileSync(join(CLONE, "docs/packages.md"), "utf8");
  const blocks = [...manual.matchAll(/<!-- tested: (\w+) -->\n```sh\n(.*?)```/gs)];
  const said: Record<string, string> = {};
  for (const [, name = "", block = ""] of blocks) {
    const env = { ...device.env, PATH: [dirname(NMCTL), process.env.PATH].join(delimiter) };
    const ran = await run("/bin/sh", ["-euc", block], { env, cwd: device.dir });
    if (ran.code !== 0) {
      throw new Error(`${name}: ${ran}`);
    }
    said[name] = ran.stdout.split("\n").slice(-3).join("\n");
  }
  expect(said).toEqual({
    archive: expect.stringMatching(/hello from a page\n$/),
    beside: "be excellent to each other\ndark\n",
    override: "be excellent to each other\nlight\n",
  });
  await device.ok("uninstall", "apps");
});
