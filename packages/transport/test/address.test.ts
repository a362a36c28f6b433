import { reasonOf } from "@nodemanager/testing";
import { formatAddress, isLoopback, parseAddress } from "@nodemanager/transport";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe("an address", () => {
  test.each([
    ["unix:/run/noded/noded.sock", { kind: "unix", path: "/run/noded/noded.sock" }],
    ["unix:///run/noded.sock", { kind: "unix", path: "/run/noded.sock" }],
    ["unix:/tmp/a b:c", { kind: "unix", path: "/tmp/a b:c" }],
    ["127.0.0.1:7000", { kind: "tcp", host: "127.0.0.1", port: 7000 }],
    ["node-7.example.org:0", { kind: "tcp", host: "node-7.example.org", port: 0 }],
    ["[::1]:65535", { kind: "tcp", host: "::1", port: 65_535 }],
  ])("%s is read", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.each([
    "",
    ":80",
    "localhost",
    "localhost:",
    "localhost:65536",
    "localhost:080808",
    "localhost:-1",
    "local host:80",
    "::1:80",
    "[127.0.0.1]:80",
    "[::1]",
    "1.2.3:80",
    "999.1.1.1:80",
    "http://localhost:80",
    "unix:",
    "unix:relative",
    "unix:/",
    "unix:/dir/",
    "unix:/a\0b",
    " localhost:80",
  ])("%j is refused", async (text) => {
    expect(await reasonOf(() => parseAddress(text))).toBe("INVALID_ADDRESS");
  });

  test("of a socket has at most 107 bytes", async () => {
    const path = (bytes: number) => `unix:/${"é".repeat((bytes - 2) / 2)}x`;
    expect(formatAddress(parseAddress(path(106)))).toBe(path(106));
    expect(formatAddress(parseAddress(`${path(106)}y`))).toBe(`${path(106)}y`);
    expect(await reasonOf(() => parseAddress(path(108)))).toBe("SOCKET_PATH_TOO_LONG");
  });

  test("reads back as it was written", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const address = { kind: "tcp", host: name, port } as const;
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
    const path = fc.string({ minLength: 1, maxLength: 30 }).map((text) => `/${text.replace(/[/\0]/g, "x")}`);
    fc.assert(
      fc.property(path, (given) => {
        const address = { kind: "unix", path: given } as const;
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });
});

test.each([
  ["localhost", true],
  ["LOCALHOST", true],
  ["127.0.0.1", true],
  ["127.255.0.3", true],
  ["::1", true],
  ["0:0:0:0:0:0:0:1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["::2", false],
  ["localhost.example.org", false],
  ["127.0.0.1.example.org", false],
])("%s is loopback: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
