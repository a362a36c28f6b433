import { closeSync, openSync, readSync } from "node:fs";
import { inspectBinary } from "@nodemanager/profile";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

/** An ELF header, one program header of the loader if there is one, and its path. */
function elf(o: {
  bits?: 32 | 64;
  big?: boolean;
  machine?: number;
  type?: number;
  abi?: number;
  loader?: string;
}): Buffer {
  const { bits = 64, big = false, machine = 62, type = 3, abi = 0, loader } = o;
  const [headerSize, entrySize] = bits === 64 ? [64, 56] : [52, 32];
  const path = Buffer.from(`${loader ?? ""}\0`);
  const bytes = Buffer.alloc(headerSize + 2 * entrySize + path.length);
  const put16 = (value: number, at: number) => (big ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at));
  const put32 = (value: number, at: number) => (big ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at));
  const putWord = (value: number, at: number) => {
    if (bits === 32) {
      put32(value, at);
    } else if (big) {
      bytes.writeBigUInt64BE(BigInt(value), at);
    } else {
      bytes.writeBigUInt64LE(BigInt(value), at);
    }
  };
  bytes.write("\x7fELF", "latin1");
  bytes.set([bits === 64 ? 2 : 1, big ? 2 : 1, 1, abi], 4);
  put16(type, 16);
  put16(machine, 18);
  putWord(headerSize, bits === 64 ? 32 : 28);
  put16(entrySize, bits === 64 ? 54 : 42);
  put16(loader === undefined ? 1 : 2, bits === 64 ? 56 : 44);
  const [first, second] = [headerSize, headerSize + entrySize];
  put32(6, first);
  put32(3, second);
  putWord(headerSize + 2 * entrySize, second + (bits === 64 ? 8 : 4));
  putWord(path.length, second + (bits === 64 ? 32 : 16));
  path.copy(bytes, headerSize + 2 * entrySize);
  return bytes;
}

function summary(head: Uint8Array): string {
  const inspection = inspectBinary(head);
  if (inspection.kind === "unknown") {
    return "unknown";
  }
  if (inspection.kind === "script") {
    return `script ${inspection.interpreter}`;
  }
  const { format, os, arch, libc } = inspection.specification;
  return [inspection.kind, format, os, arch, libc?.family].filter(Boolean).join(" ");
}

describe("ELF", () => {
  test.each([
    [{}, "elf ELF linux amd64"],
    [{ type: 2 }, "elf ELF linux amd64"],
    [{ loader: "/lib64/ld-linux-x86-64.so.2" }, "elf ELF linux amd64 glibc"],
    [{ loader: "/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2" }, "elf ELF linux amd64 glibc"],
    [{ loader: "/lib/ld-musl-x86_64.so.1" }, "elf ELF linux amd64 musl"],
    [{ loader: "/opt/own/loader" }, "elf ELF linux amd64"],
    [{ machine: 183, loader: "/lib/ld-linux-aarch64.so.1" }, "elf ELF linux arm64 glibc"],
    [{ machine: 183, loader: "/system/bin/linker64" }, "elf ELF android arm64"],
    [{ bits: 32, machine: 3, loader: "/lib/ld-linux.so.2" }, "elf ELF linux 386 glibc"],
    [{ bits: 32, machine: 40, loader: "/lib/ld-musl-armhf.so.1" }, "elf ELF linux arm musl"],
    [{ bits: 32, machine: 62 }, "elf ELF linux amd64p32"],
    [{ machine: 243 }, "elf ELF linux riscv64"],
    [{ machine: 258 }, "elf ELF linux loong64"],
    [{ machine: 21, loader: "/lib64/ld64.so.2" }, "elf ELF linux ppc64le glibc"],
    [{ machine: 21, big: true, loader: "/lib64/ld64.so.1" }, "elf ELF linux ppc64 glibc"],
    [{ machine: 22, big: true, loader: "/lib/ld64.so.1" }, "elf ELF linux s390x glibc"],
    [{ bits: 32, machine: 8, big: true }, "elf ELF linux mips"],
    [{ machine: 8 }, "elf ELF linux mips64le"],
    [{ abi: 9 }, "elf ELF freebsd amd64"],
    [{ machine: 4711 }, "elf ELF linux machine-4711"],
    [{ type: 1 }, "unknown"],
    [{ type: 4 }, "unknown"],
  ] as const)("%j is %s", (o, expected) => {
    expect(summary(elf(o))).toBe(expected);
  });

  test("what is cut off is not asked for", () => {
    const whole = elf({ loader: "/lib64/ld-linux-x86-64.so.2" });
    expect(summary(whole.subarray(0, whole.length - 3))).toBe("elf ELF linux amd64");
    expect(summary(whole.subarray(0, 20))).toBe("elf ELF linux amd64");
    expect(summary(whole.subarray(0, 19))).toBe("unknown");
  });

  test("a view into a larger buffer is read where it is", () => {
    const whole = elf({ loader: "/lib/ld-musl-x86_64.so.1" });
    const larger = Buffer.concat([Buffer.alloc(7, 1), whole]);
    expect(summary(larger.subarray(7))).toBe("elf ELF linux amd64 musl");
  });

  test("the node that runs this is what it is", () => {
    const head = Buffer.alloc(4096);
    const fd = openSync(process.execPath, "r");
    const size = readSync(fd, head);
    closeSync(fd);
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    expect(summary(head.subarray(0, size))).toMatch(new RegExp(`^elf ELF linux ${arch} (glibc|musl)$`));
  });
});

describe("scripts", () => {
  test.each([
    ["#!/bin/sh\necho", "script /bin/sh"],
    ["#! /usr/bin/env python3\n", "script /usr/bin/env"],
    ["#!/bin/sh", "script /bin/sh"],
    ["#!\n/bin/sh", "unknown"],
    ["#!", "unknown"],
    ["# !/bin/sh", "unknown"],
  ])("%j is %s", (text, expected) => {
    expect(summary(Buffer.from(text))).toBe(expected);
  });
});

describe("others", () => {
  const pe = Buffer.alloc(256);
  pe.write("MZ");
  pe.writeUInt32LE(0x80, 0x3c);
  pe.write("PE\0\0", 0x80, "latin1");

  test.each([
    [0x8664, "amd64"],
    [0x014c, "386"],
    [0xaa64, "arm64"],
    [0x9999, "machine-39321"],
  ])("PE machine %i is %s", (machine, arch) => {
    const bytes = Buffer.from(pe);
    bytes.writeUInt16LE(machine, 0x84);
    expect(summary(bytes)).toBe(`pe PE windows ${arch}`);
  });

  test("a PE header beyond the head leaves the architecture open; without one it is none of ours", () => {
    expect(summary(pe.subarray(0, 0x80))).toBe("pe PE windows");
    expect(summary(Buffer.concat([Buffer.from("MZ"), Buffer.alloc(200, 0x20)]))).toBe("pe PE windows");
    const dos = Buffer.from(pe);
    dos.write("NE", 0x80);
    expect(summary(dos)).toBe("unknown");
    expect(summary(Buffer.from("MZ is how this note begins"))).toBe("unknown");
  });

  test.each([
    ["cffaedfe07000001", "mach MACH darwin amd64"],
    ["cffaedfe0c000001", "mach MACH darwin arm64"],
    ["cefaedfe07000000", "mach MACH darwin 386"],
    ["feedfacf0100000c", "mach MACH darwin arm64"],
    ["cafebabe00000002", "mach MACH darwin"],
    ["cafebabe00000034", "unknown"],
    ["cafebabe00000000", "unknown"],
    ["", "unknown"],
    ["7f", "unknown"],
    ["7f454c46", "unknown"],
    ["504b030414000000", "unknown"],
  ])("%s is %s", (hex, expected) => {
    expect(summary(Buffer.from(hex, "hex"))).toBe(expected);
  });

  test("no bytes make it fail", () => {
    const magic = fc.constantFrom("", "7f454c46", "7f454c460201", "4d5a", "2321", "cafebabe", "cffaedfe");
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        expect(inspectBinary(Buffer.concat([Buffer.from(start, "hex"), rest])).kind).toMatch(/^[a-z]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});
