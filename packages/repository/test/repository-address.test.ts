import { formatRepositoryAddress, parseRepositoryAddress } from "@nodemanager/repository";
import { reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

test.each([
  ["file:/srv/apps", { kind: "file", dir: "/srv/apps" }],
  ["file:///srv/apps", { kind: "file", dir: "/srv/apps" }],
  ["file://localhost/srv/apps", { kind: "file", dir: "/srv/apps" }],
  ["file:/srv/apps/", { kind: "file", dir: "/srv/apps" }],
  ["file:/srv/../var/./apps", { kind: "file", dir: "/var/apps" }],
  ["file:/my apps", { kind: "file", dir: "/my apps" }],
  ["file:/my%20apps/100%25", { kind: "file", dir: "/my apps/100%" }],
  ["grpc:127.0.0.1:4711", { kind: "grpc", host: "127.0.0.1", port: 4711 }],
  ["grpc://localhost:4711", { kind: "grpc", host: "localhost", port: 4711 }],
  ["grpc:[::1]:4711", { kind: "grpc", host: "::1", port: 4711 }],
  ["grpcs:apps.example.org:443", { kind: "grpcs", host: "apps.example.org", port: 443 }],
  ["grpcs://192.0.2.7:443/", { kind: "grpcs", host: "192.0.2.7", port: 443 }],
])("reads %s", (text, address) => {
  expect(parseRepositoryAddress(text)).toEqual(address);
});

test.each([
  "",
  "/srv/apps",
  "http://localhost/apps",
  "FILE:/srv",
  "file:srv/apps",
  "file:",
  "file:/",
  "file://host/srv",
  "file:/srv%zz",
  "file:/srv%00",
  "file:/..",
  "grpc:localhost",
  "grpc:localhost:0",
  "grpc:localhost:65536",
  "grpc:unix:/run/socket",
  "grpc::4711",
])("refuses %s", async (text) => {
  expect(await reasonOf(() => parseRepositoryAddress(text))).toBe("INVALID_ORIGIN");
});

test.each(["grpc:192.0.2.7:4711", "grpc:apps.example.org:4711", "grpc:0.0.0.0:4711", "grpc:[::]:4711"])(
  "refuses %s, which would leave the machine in the clear",
  async (text) => {
    expect(await reasonOf(() => parseRepositoryAddress(text))).toBe("INVALID_ORIGIN");
  },
);

test("reads back what it writes, for any directory", () => {
  const segment = fc
    .string({ minLength: 1, unit: "binary" })
    .filter((s) => !/[/\0]/.test(s) && s !== "." && s !== "..");
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
      const address = { kind: "file", dir: `/${segments.join("/")}` } as const;
      fc.pre(address.dir.isWellFormed());
      expect(parseRepositoryAddress(formatRepositoryAddress(address))).toEqual(address);
    }),
  );
});
