import { formatOrigin, parseOrigin } from "@nodemanager/repository";
import { reasonOf } from "@nodemanager/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

const repository = { kind: "file", dir: "/srv/apps" } as const;

test.each([
  ["file:/srv/apps/redis", { repository, application: "redis" }],
  ["file:/srv/apps/redis@7.4.1", { repository, application: "redis", version: "7.4.1" }],
  ["file:/srv/apps/redis@2.0.0-rc.1+b.5", { repository, application: "redis", version: "2.0.0-rc.1+b.5" }],
  ["file:/srv/apps/my app", { repository, application: "my app" }],
  ["file:/srv/apps/my%20app", { repository, application: "my app" }],
  ["file:/srv/apps/a%40b%25@1.0.0", { repository, application: "a@b%", version: "1.0.0" }],
  ["file:/srv/apps/..%2E", { repository, application: "..." }],
  ["file:/srv/apps/地図", { repository, application: "地図" }],
  ["grpc:127.0.0.1:99/redis", { repository: { kind: "grpc", host: "127.0.0.1", port: 99 }, application: "redis" }],
  ["grpcs://h.example:99/redis", { repository: { kind: "grpcs", host: "h.example", port: 99 }, application: "redis" }],
])("reads %s", (text, origin) => {
  expect(parseOrigin(text)).toEqual(origin);
});

test.each([
  "",
  "redis",
  "file:/redis",
  "file:/srv/apps/",
  "file:/srv/apps/@1.0.0",
  "file:/srv/apps/redis@",
  "file:/srv/apps/redis@1.0",
  "file:/srv/apps/redis@v1.0.0",
  "file:/srv/apps/redis@ 1.0.0",
  "file:/srv/apps/redis@latest",
  "file:/srv/apps/a@b@1.0.0",
  "file:/srv/apps/a%2Fb",
  "file:/srv/apps/a%00b",
  "file:/srv/apps/a\nb",
  "file:/srv/apps/%ff",
  "file:/srv/apps/100%",
  `file:/srv/apps/${"x".repeat(129)}`,
  "grpc:example.org:99/redis",
])("refuses %j", async (text) => {
  expect(await reasonOf(() => parseOrigin(text))).toBe("INVALID_ORIGIN");
});

test("refuses the reserved title with its own reason", async () => {
  expect(await reasonOf(() => parseOrigin("file:/srv/apps/Node%20Manager"))).toBe("RESERVED_TITLE");
});

test("reads back what it writes, for any title", () => {
  const title = fc
    .string({ minLength: 1, maxLength: 60, unit: "grapheme" })
    .filter((text) => !/[/\u0000-\u001f\u007f-\u009f\u2028\u2029]/u.test(text) && text.isWellFormed());
  fc.assert(
    fc.property(title, fc.option(fc.constantFrom("1.0.0", "2.0.0-rc.1+x")), (application, version) => {
      const origin = version === null ? { repository, application } : { repository, application, version };
      expect(parseOrigin(formatOrigin(origin))).toEqual(origin);
    }),
  );
});
