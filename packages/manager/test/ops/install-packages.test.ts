import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { InstallOptions } from "@nodemanager/manager";
import { openRepository, type Repository } from "@nodemanager/repository";
import { collect, failureOf, paxOf, reasonOf, tarOf } from "@nodemanager/testing";
import { expect, test } from "vitest";
import { publication, repositoryDir, SCRIPT } from "../support/applications.ts";
import { objectOf, TestNode } from "../support/test-node.ts";

const PROGRAM = { name: "bin/run", mode: 0o755, content: SCRIPT } as const;
const WEB = { bytes: gzipSync(tarOf(PROGRAM, { name: "data/words", content: "words" })), format: "tar.gz" } as const;
const CONFIG = { bytes: Buffer.from("colour=red\n"), format: "file" } as const;

/** A repository that notes which binaries are fetched from it. */
function noting(fetched: string[]): () => Promise<Repository> {
  return async () => {
    const real = await openRepository({ kind: "file", dir: await repositoryDir() }, {});
    return {
      address: real.address,
      applications: real.applications,
      binaries: {
        open: (sha256, o) => {
          fetched.push(sha256);
          return real.binaries.open(sha256, o);
        },
        stat: (...args) => real.binaries.stat(...args),
        upload: (...args) => real.binaries.upload(...args),
        delete: (...args) => real.binaries.delete(...args),
      },
      [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
    };
  };
}

/** What an envelope says of a published package. */
async function published(node: TestNode, o: Parameters<typeof publication>[0], name: string) {
  const { envelope } = await node.installation(await node.install(o));
  const found = envelope.packages[name];
  if (!found) {
    throw new Error(`there is no package ${name}`);
  }
  return found;
}

test.concurrent("a program in a package runs with what lies beside it", async () => {
  await using node = await TestNode.open();
  const origin = await publication({
    title: "web",
    command: "web/bin/run",
    packages: { web: WEB },
    args: ["environment"],
  });
  const events = await collect(node.manager.install(origin));
  const phases = events.flatMap((event) => (event.kind === "progress" ? [event.phase] : []));
  expect(new Set(phases)).toEqual(new Set(["matching", "fetching", "installing", "unpacking"]));
  const [installation = ""] = await node.names("apps/web/*");
  const instance = await node.start(installation);
  const record = await node.instance(instance);
  expect(await readlink(join(record.rootDir, "packages"))).toBe("../version/packages");
  expect(await readFile(join(record.rootDir, "packages/web/data/words"), "utf8")).toBe("words");
  const env = await readFile(join(record.logsDir, "stdout"), "utf8");
  const [, packagesDir = ""] = /^NODED_PACKAGES_DIR=(.*)$/m.exec(env) ?? [];
  expect(await readFile(join(packagesDir, "web/data/words"), "utf8")).toBe("words");
  const text = await node.manager.debug(instance);
  expect(text).toContain("packages/web/bin/run");
  expect(text).toContain("NODED_PACKAGES_DIR");
});

test.concurrent("an application without packages is told of none", async () => {
  await using node = await TestNode.open();
  const { instance } = await node.running({ mode: "environment" });
  const record = await node.instance(instance);
  expect(await readFile(join(record.logsDir, "stdout"), "utf8")).not.toContain("NODED_PACKAGES_DIR");
  expect(await readdir(record.rootDir)).not.toContain("packages");
});

test.concurrent("what the installation says wins, is fetched instead of the envelope's, and comes on top of it", async () => {
  const fetched: string[] = [];
  await using node = await TestNode.open({ openRepository: noting(fetched) });
  const light = { bytes: Buffer.from("light\n"), format: "file" } as const;
  const theme = await published(node, { mode: "steady", title: "themes", packages: { theme: light } }, "theme");
  const origin = await publication({ mode: "steady", title: "shop", packages: { theme: CONFIG, web: WEB } });
  fetched.splice(0);
  const installation = await objectOf(node.manager.install(origin, { packages: { theme, extra: theme } }));
  const { packages } = (await node.installation(installation)).envelope;
  expect(fetched).toEqual([packages.web?.sha256]);
  const record = await node.instance(await node.start(installation));
  const read = (name: string) => readFile(join(record.rootDir, "packages", name), "utf8");
  expect([await read("theme"), await read("extra"), await read("web/data/words")]).toEqual([
    "light\n",
    "light\n",
    "words",
  ]);
});

test.concurrent("what is here is not fetched again", async () => {
  const fetched: string[] = [];
  await using node = await TestNode.open({ openRepository: noting(fetched) });
  const o = { mode: "steady", title: "twice", packages: { web: WEB } } as const;
  await node.install(o);
  expect(fetched).toHaveLength(2);
  await node.install(o);
  expect(fetched).toHaveLength(2);
});

test.concurrent.each<[string, string, Parameters<typeof publication>[0]]>([
  [
    "a program in a package that is none",
    "BINARY_INCOMPATIBLE",
    {
      command: "web/run",
      packages: { web: { bytes: tarOf({ name: "run", mode: 0o755, content: "words" }), format: "tar" } },
    },
  ],
  [
    "a program in a package that is empty",
    "BINARY_INCOMPATIBLE",
    { command: "run", packages: { run: { bytes: new Uint8Array(), format: "file" } } },
  ],
  ["a package that is too large unpacked", "TOO_LARGE", { mode: "steady", packages: { zeros: zeros(200_000) } }],
])("%s is refused and changes nothing", async (_, reason, o) => {
  await using node = await TestNode.open({ maxPackageBytes: 100_000 });
  const origin = await publication(o);
  const before = await node.listing();
  expect(await reasonOf(collect(node.manager.install(origin)))).toBe(reason);
  expect(await node.listing()).toEqual(before);
});

test.concurrent("a hostile override is refused, and the node goes on", async () => {
  await using node = await TestNode.open();
  // A publisher would refuse to upload it: as a file it passes, and what it is said to be is the caller's.
  const bytes = tarOf(paxOf({ path: "../../owned" }), { name: "x", content: "x" });
  const evil = await published(
    node,
    { mode: "steady", title: "evil", packages: { evil: { bytes, format: "file" } } },
    "evil",
  );
  const origin = await publication({ mode: "steady", title: "victim" });
  const before = await node.listing();
  const install = node.manager.install(origin, { packages: { evil: { ...evil, format: "tar" } } });
  expect(await failureOf(collect(install))).toMatchObject({
    reason: "INVALID_PACKAGE",
    metadata: { entry: '"../../owned"' },
  });
  expect(await node.listing()).toEqual(before);
  await node.start(await objectOf(node.manager.install(origin)));
});

test.concurrent("a file that is here as somebody's package does not pass for a program", async () => {
  await using node = await TestNode.open();
  await node.install({ mode: "steady", title: "notes", packages: { notes: CONFIG } });
  const origin = await publication({ title: "no program", binary: CONFIG.bytes });
  expect(await reasonOf(collect(node.manager.install(origin)))).toBe("BINARY_INCOMPATIBLE");
});

test.concurrent.each<[string, InstallOptions["packages"]]>([
  ["packages.../x", { "../x": { sha256: "0".repeat(64), sizeBytes: 1, format: "file" } }],
  ["packages.x.sha256", { x: { sha256: "../../etc/passwd", sizeBytes: 1, format: "file" } }],
])("an override that cannot be so is refused: %s", async (field, packages = {}) => {
  await using node = await TestNode.open();
  const origin = await publication({ mode: "steady" });
  const failure = await failureOf(collect(node.manager.install(origin, { packages })));
  expect(failure).toMatchObject({ reason: "INVALID_ARGUMENT", metadata: { field } });
});

test.concurrent("an installation that is cancelled while it unpacks leaves nothing", async () => {
  await using node = await TestNode.open();
  const bytes = tarOf({ name: "zeros", content: Buffer.alloc(2_000_000) }, { name: "after" });
  const origin = await publication({ mode: "steady", packages: { big: { bytes, format: "tar" } } });
  const before = await node.listing();
  const abort = new AbortController();
  const install = async () => {
    for await (const event of node.manager.install(origin, { signal: abort.signal })) {
      if (event.kind === "progress" && event.phase === "unpacking") {
        abort.abort();
      }
    }
  };
  expect(await reasonOf(install())).toBe("CANCELLED");
  expect(await node.listing()).toEqual(before);
});

function zeros(length: number) {
  return { bytes: gzipSync(tarOf({ name: "zeros", content: Buffer.alloc(length) })), format: "tar.gz" } as const;
}
