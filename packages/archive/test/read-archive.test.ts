import { gzipSync } from "node:zlib";
import { NodeError } from "@nodemanager/core";
import { paxOf, type TarPart, tarOf } from "@nodemanager/testing";
import { describe, expect, test } from "vitest";
import { contents, failure, inPieces, read } from "./support.ts";

const DIRECTORY = { type: "5", mode: 0o755 } as const;
const LONG = `${"d".repeat(120)}/${"f".repeat(120)}`;

function gnuLongName(name: string): TarPart {
  return { name: "././@LongLink", type: "L", content: `${name}\0` };
}

test("files and directories come in their order, each directory once and before what is in it", async () => {
  const tar = tarOf(
    { name: "./", ...DIRECTORY },
    { name: "./bin/", ...DIRECTORY },
    { name: "./bin/run", mode: 0o755, content: "#!/bin/sh\n" },
    { name: "data/deep/er/file", content: "x".repeat(1500) },
    { name: "data/", ...DIRECTORY },
    { name: "empty" },
  );
  expect(await contents(tar)).toEqual([
    "bin/",
    "bin/run* 10",
    "data/",
    "data/deep/",
    "data/deep/er/",
    "data/deep/er/file 1500",
    "empty 0",
  ]);
  expect(await contents(gzipSync(tar), { format: "tar.gz" })).toEqual(await contents(tar));
});

test("an archive may come in pieces of any size", async () => {
  const tar = tarOf({ name: "a/b", content: "x".repeat(1000) }, gnuLongName(LONG), { name: "cut", content: "y" });
  const whole = await contents(tar);
  for (const size of [1, 7, 511, 512, 513, 100_000]) {
    expect(await contents(inPieces(tar, size))).toEqual(whole);
  }
});

test("content that is not read is skipped", async () => {
  const names: string[] = [];
  for await (const entry of read(tarOf({ name: "a", content: "x".repeat(1_000_000) }, { name: "b", content: "y" }))) {
    names.push(entry.path.join("/"));
  }
  expect(names).toEqual(["a", "b"]);
});

test("long names in both formats, names in Unicode and sizes in attributes are taken", async () => {
  expect(await contents(tarOf(gnuLongName(LONG), { name: "cut", content: "y" }))).toContain(`${LONG} 1`);
  expect(await contents(tarOf(paxOf({ path: "ünï/🦊" }), { name: "cut", content: "y" }))).toContain("ünï/🦊 1");
  // The header's own size is for programs that do not know the attribute.
  const sized = tarOf(paxOf({ size: "3" }), { name: "a", content: "abc", sizeBytes: 0 });
  expect(await contents(sized)).toEqual(["a 3"]);
});

describe("the whole archive is refused for", () => {
  const hostile: readonly (readonly [what: string, parts: readonly TarPart[]])[] = [
    ["an absolute path", [{ name: "/etc/passwd" }]],
    ["an absolute path in attributes", [paxOf({ path: "/etc/passwd" }), { name: "harmless" }]],
    ["an absolute GNU long name", [gnuLongName("/etc/passwd"), { name: "harmless" }]],
    ["a path that leads up", [{ name: "../../outside" }]],
    ["a path that leads up in the middle", [{ name: "a/../../outside" }]],
    ["a path that leads up in attributes", [paxOf({ path: "a/../../b" }), { name: "harmless" }]],
    ["a path that leads up for all that follows", [paxOf({ path: "../all" }, "g"), paxOf({ a: "b" }), { name: "x" }]],
    ["a path that is .. itself", [{ name: "..", ...DIRECTORY }]],
    ["a dot in the middle", [{ name: "a/./b" }]],
    ["a dot twice", [{ name: "././b" }]],
    ["an empty name in the middle", [{ name: "a//b" }]],
    ["no name", [{ name: "" }]],
    ["a file that is the archive's root", [{ name: "./" }]],
    ["a file that ends like a directory", [{ name: "a/" }]],
    ["a line feed in a name", [{ name: "a\nb" }]],
    ["an escape sequence in a name", [{ name: "a\u001b[2Jb" }]],
    ["a NUL in a name", [paxOf({ path: "a\u0000/../b" }), { name: "x" }]],
    ["a name that is no UTF-8", [{ name: "x", raw: (header) => header.writeUInt8(0xff, 0) }]],
    ["a name of 256 bytes", [gnuLongName("x".repeat(256)), { name: "x" }]],
    ["a path of 1025 bytes", [gnuLongName(`${`${"x".repeat(204)}/`.repeat(5)}y`), { name: "x" }]],
    ["a path that is 33 deep", [gnuLongName(`${"x/".repeat(32)}x`), { name: "x" }]],
    [
      "a symbolic link",
      [
        { name: "link", type: "2", linkname: "/etc" },
        { name: "link/passwd", content: "x" },
      ],
    ],
    ["a hard link", [{ name: "link", type: "1", linkname: "/etc/passwd" }]],
    ["a hard link to a file of its own", [{ name: "a" }, { name: "b", type: "1", linkname: "a" }]],
    ["a character device", [{ name: "null", type: "3" }]],
    ["a block device", [{ name: "disk", type: "4" }]],
    ["a FIFO", [{ name: "fifo", type: "6" }]],
    ["a contiguous file", [{ name: "a", type: "7" }]],
    ["a sparse file of GNU tar", [{ name: "sparse", type: "S" }]],
    ["a sparse file in attributes", [paxOf({ "GNU.sparse.major": "1" }), { name: "sparse" }]],
    ["an entry of a kind that nobody knows", [{ name: "what", type: "Z" }]],
    ["set-user-id", [{ name: "su", mode: 0o4755 }]],
    ["set-group-id", [{ name: "sg", mode: 0o2755 }]],
    ["a file that is there twice", [{ name: "a" }, { name: "a" }]],
    ["a file that is there twice, named differently", [{ name: "a" }, { name: "./a" }]],
    ["a file that is a directory as well", [{ name: "a/", ...DIRECTORY }, { name: "a" }]],
    ["a directory that is a file as well", [{ name: "a" }, { name: "a/", ...DIRECTORY }]],
    ["a file in a file", [{ name: "a" }, { name: "a/b" }]],
    ["a directory with content", [{ name: "a/", ...DIRECTORY, content: "x" }]],
  ];

  test.each(hostile)("%s", async (_, parts) => {
    const before = { name: "before", content: "x" };
    const error = await failure(tarOf(before, ...parts, { name: "after" }));
    expect(error.reason).toBe("INVALID_PACKAGE");
    expect(error.metadata.entry).toBeDefined();
    expect(/\p{Cc}/u.test(`${error.message}${error.metadata.entry}`)).toBe(false);
  });

  const damaged: readonly (readonly [what: string, archive: Uint8Array, format: "tar" | "tar.gz"])[] = [
    ["nothing in it", Buffer.alloc(0), "tar"],
    ["an archive that has no end", tarOf({ name: "a" }).subarray(0, 512), "tar"],
    ["content that breaks off", tarOf({ name: "a", content: "x".repeat(5000) }).subarray(0, 2048), "tar"],
    ["a header that breaks off", tarOf({ name: "a" }).subarray(0, 100), "tar"],
    ["attributes that break off", tarOf(paxOf({ path: "b" })).subarray(0, 600), "tar"],
    ["other bytes", Buffer.alloc(4096, "no archive"), "tar"],
    ["gzip that is said to be none", gzipSync(tarOf({ name: "a" })), "tar"],
    ["no gzip where it is said to be", tarOf({ name: "a" }), "tar.gz"],
    ["gzip that breaks off", gzipSync(tarOf({ name: "a", content: "abc" })).subarray(0, -9), "tar.gz"],
    ["gzip that breaks off at once", gzipSync(tarOf({ name: "a" })).subarray(0, 5), "tar.gz"],
    ["a wrong checksum", Buffer.from(tarOf({ name: "a" })).fill("b", 1, 2), "tar"],
    ["a negative size", tarOf({ name: "a", raw: (header) => header.fill(0xff, 124, 136).writeUInt8(0, 135) }), "tar"],
    ["a size in base 256 that is none", tarOf({ name: "a", raw: (header) => header.writeUInt8(0xfe, 124) }), "tar"],
    ["a size that is no number", tarOf({ name: "a", raw: (header) => header.write("zzzzzzzzzzz", 124) }), "tar"],
    ["a negative size in attributes", tarOf(paxOf({ size: "-512" }), { name: "a", content: "x" }), "tar"],
    ["a size in attributes that is no number", tarOf(paxOf({ size: "much" }), { name: "a", content: "x" }), "tar"],
    ["other bytes after its end", Buffer.concat([tarOf({ name: "a" }), Buffer.alloc(512, "x")]), "tar"],
    ["a mebibyte without a file", Buffer.concat([tarOf({ name: "a" }), Buffer.alloc(1024 * 1024)]), "tar"],
    ["a mebibyte of attributes", tarOf(paxOf({ comment: "x".repeat(1024 * 1024) }), { name: "a" }), "tar"],
  ];

  test.each(damaged)("%s", async (_, archive, format) => {
    expect((await failure(archive, { format })).reason).toBe("INVALID_PACKAGE");
  });
});

describe("a bomb is too large:", () => {
  test("one that grows when it is decompressed stops at the cap", async () => {
    const bomb = gzipSync(tarOf({ name: "zeros", content: Buffer.alloc(64 * 1024 * 1024) }));
    const cap = 1024 * 1024;
    let unpacked = 0;
    const unpack = async () => {
      // What its header says is not more than the cap: it is the whole that is.
      for await (const entry of read(bomb, { format: "tar.gz", maxBytes: 64 * 1024 * 1024 })) {
        for await (const chunk of entry.kind === "file" ? entry.content : []) {
          unpacked += chunk.length;
        }
      }
    };
    await expect(unpack()).rejects.toMatchObject({ reason: "TOO_LARGE" });
    expect(unpacked).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect((await failure(bomb, { format: "tar.gz", maxBytes: cap })).reason).toBe("TOO_LARGE");
  });

  test("many files that fit one by one do not together", async () => {
    const parts = Array.from({ length: 20 }, (_, at) => ({ name: `${at}`, content: "x".repeat(10_000) }));
    expect((await failure(tarOf(...parts), { maxBytes: 100_000 })).reason).toBe("TOO_LARGE");
  });

  test("a file that says it is larger than the cap is refused before it is read", async () => {
    const tar = tarOf({ name: "a", raw: (header) => header.write("77777777777", 124) });
    expect((await failure(tar)).reason).toBe("TOO_LARGE");
  });

  test("more entries than are allowed, also those that are only implied", async () => {
    const names = Array.from({ length: 2200 }, (_, at) => `${at}/${"x/".repeat(29)}f`);
    expect((await failure(tarOf(...names.map((name) => ({ name })), { name: "last" }))).reason).toBe("TOO_LARGE");
  });
});

test("a cancelled read ends with its reason", async () => {
  const controller = new AbortController();
  const tar = tarOf({ name: "a", content: "x".repeat(200_000) }, { name: "b" });
  const seen: string[] = [];
  const run = async () => {
    for await (const entry of read(inPieces(tar, 1000), { signal: controller.signal })) {
      seen.push(entry.path.join("/"));
      controller.abort();
    }
  };
  await expect(run()).rejects.toMatchObject({ reason: "CANCELLED" });
  expect(seen).toEqual(["a"]);
});

test("a cancelled read ends with its reason, whatever its source does then", async () => {
  const controller = new AbortController();
  const waiting = Promise.withResolvers<void>();
  const rest = Promise.withResolvers<void>();
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield tarOf({ name: "a", content: "x".repeat(5000) }).subarray(0, 1024);
    waiting.resolve();
    await rest.promise;
  }
  const reading = failure(stalled(), { signal: controller.signal });
  await waiting.promise;
  controller.abort();
  rest.resolve();
  expect((await reading).reason).toBe("CANCELLED");
});

test("what the source throws arrives as it is, in the middle of a file as well", async () => {
  const gone = new NodeError("DISK_FULL", "gone");
  async function* broken(tar: Uint8Array): AsyncGenerator<Uint8Array> {
    yield* inPieces(tar.subarray(0, 1024), 100);
    throw gone;
  }
  const tar = tarOf({ name: "a", content: "x".repeat(5000) });
  expect(await failure(broken(tar))).toBe(gone);
  expect(await failure(broken(gzipSync(tarOf({ name: "a", content: randomText(5000) }))), { format: "tar.gz" })).toBe(
    gone,
  );
});

test("a consumer that leaves ends the source", async () => {
  let ended = false;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* inPieces(tarOf({ name: "a", content: "x".repeat(1_000_000) }), 1000);
    } finally {
      ended = true;
    }
  }
  for await (const entry of read(watched())) {
    for await (const _ of entry.kind === "file" ? entry.content : []) {
      break;
    }
    break;
  }
  expect(ended).toBe(true);
});

test("a consumer that fails sees its own error", async () => {
  const own = new Error("mine");
  const run = async () => {
    for await (const entry of read(tarOf({ name: "a", content: "x".repeat(100_000) }))) {
      for await (const _ of entry.kind === "file" ? entry.content : []) {
        throw own;
      }
    }
  };
  await expect(run()).rejects.toBe(own);
});

function randomText(length: number): string {
  // No two bytes of it are worth compressing: it is only to be longer than what arrives.
  return Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * 7919 + at * at * 104_729) % 90))).join("");
}
