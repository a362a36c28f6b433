import { describeExit, fromErrno, hasReason, isErrno, isReason, NodeError, REASONS } from "@nodemanager/core";
import { describe, expect, test } from "vitest";

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: /var/lib/noded/secret`), { code, syscall: "open" });
}

describe("the table of reasons", () => {
  test.each(Object.entries(REASONS))("%s is of the form that google.rpc.ErrorInfo asks for", (reason) => {
    expect(reason).toMatch(/^[A-Z][A-Z0-9_]+[A-Z0-9]$/);
    expect(reason.length).toBeLessThanOrEqual(63);
  });

  test.each(Object.entries(REASONS))("%s advises a retry only where its status allows one", (_, { status, retry }) => {
    const transient = [
      "UNAVAILABLE",
      "ABORTED",
      "RESOURCE_EXHAUSTED",
      "DEADLINE_EXCEEDED",
      "FAILED_PRECONDITION",
      "NOT_FOUND",
    ];
    expect(retry === "no" || transient.includes(status)).toBe(true);
    // Callers repeat these by themselves, so whatever can be repeated at once travels under UNAVAILABLE alone.
    expect(retry !== "yes" || status === "UNAVAILABLE").toBe(true);
  });

  test("knows its reasons and nothing that every object has", () => {
    expect(isReason("INSTANCE_RUNNING")).toBe(true);
    expect(["", "instance_running", "NO_SUCH_REASON", "toString", "constructor", "__proto__"].some(isReason)).toBe(
      false,
    );
  });
});

describe("an error", () => {
  test("carries its reason, message, metadata and cause", () => {
    const cause = new Error("cause");
    const error = new NodeError("DISK_FULL", "the disk is full", { metadata: { path: "/x" }, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "NodeError",
      reason: "DISK_FULL",
      message: "the disk is full",
      metadata: { path: "/x" },
      cause,
    });
    expect(new NodeError("INTERNAL", "x")).not.toHaveProperty("cause");
    expect(new NodeError("INTERNAL", "x").metadata).toEqual({});
  });

  test("is asked for its reason", () => {
    const error: unknown = new NodeError("DISK_FULL", "x");
    expect(hasReason(error, "READ_ONLY", "DISK_FULL")).toBe(true);
    expect(hasReason(error, "READ_ONLY")).toBe(false);
    expect(hasReason(error)).toBe(false);
    expect(hasReason({ reason: "DISK_FULL" }, "DISK_FULL")).toBe(false);
    expect(hasReason(undefined, "DISK_FULL")).toBe(false);
  });
});

describe("a failed system call", () => {
  test.each([
    ["ENOSPC", "DISK_FULL"],
    ["EDQUOT", "DISK_FULL"],
    ["EROFS", "READ_ONLY"],
    ["EACCES", "ROOT_NOT_WRITABLE"],
    ["EPERM", "ROOT_NOT_WRITABLE"],
    ["EMFILE", "OUT_OF_DESCRIPTORS"],
    ["ENFILE", "OUT_OF_DESCRIPTORS"],
    ["EIO", "INTERNAL"],
    ["ENOENT", "INTERNAL"],
  ])("%s is %s, keeps its cause and tells the caller no path", (code, reason) => {
    const cause = errno(code);
    const error = fromErrno(cause, "write the settings");
    expect(error).toMatchObject({ reason, cause });
    expect(error.message).toMatch(/^write the settings: /);
    expect(error.message).not.toContain("/var/lib");
  });

  test("a NodeError passes through, and anything else is INTERNAL", () => {
    const error = new NodeError("STORE_CORRUPT", "x");
    expect(fromErrno(error, "read")).toBe(error);
    expect(fromErrno("text", "read").reason).toBe("INTERNAL");
    expect(fromErrno(undefined, "read").reason).toBe("INTERNAL");
  });

  test("is recognised by its code", () => {
    expect(isErrno(errno("ENOENT"), "EEXIST", "ENOENT")).toBe(true);
    expect(isErrno(errno("ENOENT"), "EEXIST")).toBe(false);
    expect(isErrno(errno("ENOENT"))).toBe(true);
    expect(isErrno(Object.assign(new TypeError("x"), { code: "ERR_INVALID_ARG_TYPE" }))).toBe(false);
    expect(isErrno(new Error("ENOENT"), "ENOENT")).toBe(false);
    expect(isErrno({ code: "ENOENT" }, "ENOENT")).toBe(false);
    expect(isErrno(Object.assign(new Error("x"), { code: 5 }), "5")).toBe(false);
  });
});

test.each([
  [{ kind: "code", code: 0 }, "exited with status 0"],
  [{ kind: "code", code: 127 }, "exited with status 127"],
  [{ kind: "signal", signal: "SIGKILL" }, "was killed by SIGKILL"],
  [{ kind: "unseen" }, "ended while no manager watched it"],
] as const)("%j: it %s", (exit, text) => {
  expect(describeExit(exit)).toBe(text);
});
