import { isInstallationId, isInstanceId, newId, newInstallationId, newInstanceId } from "@nodemanager/core";
import fc from "fast-check";
import { expect, test } from "vitest";

const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

test.each([
  [new Uint8Array(16), "a".repeat(26)],
  [new Uint8Array(16).fill(255), `${"7".repeat(25)}4`],
  [Uint8Array.from({ length: 16 }, (_, i) => i), "aaaqeayeaudaocajbifqydiob4"],
])("the bytes %j are %s, as in RFC 4648 without padding", (random, id) => {
  expect(newId(() => random)).toBe(id);
});

test("different bytes are different ids, all of the form that names have", () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [first, second] = [newId(() => a), newId(() => b)];
      expect(isInstallationId(first)).toBe(true);
      expect(first === second).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

test("ids ask for 128 bits and do not come twice", () => {
  const sizes: number[] = [];
  newId((size) => {
    sizes.push(size);
    return new Uint8Array(size);
  });
  expect(sizes).toEqual([16]);
  const ids = Array.from({ length: 1000 }, () => newId());
  expect(new Set(ids).size).toBe(1000);
});

test("installations and instances have such ids", () => {
  expect(isInstallationId(newInstallationId())).toBe(true);
  expect(isInstanceId(newInstanceId(() => new Uint8Array(16)))).toBe(true);
});
