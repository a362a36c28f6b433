import { abortable, abortError, deadlineSignal, NodeError, throwIfAborted } from "@nodemanager/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { failureOf, reasonOf } from "./failure.ts";

const LATE = () => new NodeError("DEADLINE_EXCEEDED", "too late");

describe("an aborted signal", () => {
  test("says why if a NodeError was the reason", () => {
    expect(abortError(AbortSignal.abort(LATE())).reason).toBe("DEADLINE_EXCEEDED");
  });

  test("is otherwise a cancellation that keeps the cause", () => {
    const cause = new Error("the caller went away");
    expect(abortError(AbortSignal.abort(cause))).toMatchObject({ reason: "CANCELLED", cause });
  });

  test("is thrown; one that is not aborted, or not there, is not", () => {
    expect(failureOf(() => throwIfAborted(AbortSignal.abort())).reason).toBe("CANCELLED");
    expect(throwIfAborted(new AbortController().signal)).toBeUndefined();
    expect(throwIfAborted(undefined)).toBeUndefined();
  });
});

describe("a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("aborts with its error when its time has come, not before", () => {
    using deadline = deadlineSignal(1000, LATE);
    vi.advanceTimersByTime(999);
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(abortError(deadline.signal).reason).toBe("DEADLINE_EXCEEDED");
  });

  test("aborts with its parent's reason when the parent does, also if it had already", () => {
    const parent = new AbortController();
    using before = deadlineSignal(1000, LATE, parent.signal);
    parent.abort(new NodeError("SHUTTING_DOWN", "shutting down"));
    using after = deadlineSignal(1000, LATE, parent.signal);
    for (const { signal } of [before, after]) {
      expect(abortError(signal).reason).toBe("SHUTTING_DOWN");
    }
    vi.advanceTimersByTime(1000);
    expect(abortError(before.signal).reason).toBe("SHUTTING_DOWN");
  });

  test("leaves no timer and no listener when it is disposed, also twice", () => {
    const parent = new AbortController();
    const remove = vi.spyOn(parent.signal, "removeEventListener");
    const deadline = deadlineSignal(1000, LATE, parent.signal);
    expect(vi.getTimerCount()).toBe(1);
    deadline[Symbol.dispose]();
    deadline[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    expect(remove).toHaveBeenCalledWith("abort", expect.anything());
    parent.abort();
    expect(deadline.signal.aborted).toBe(false);
  });

  test("of a hundred days is not over at once", () => {
    const day = 24 * 60 * 60 * 1000;
    using deadline = deadlineSignal(100 * day, LATE);
    vi.advanceTimersByTime(100 * day - 1);
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(deadline.signal.aborted).toBe(true);
  });

  test("of infinity never comes", () => {
    using deadline = deadlineSignal(Number.POSITIVE_INFINITY, LATE);
    vi.advanceTimersByTime(2 ** 33);
    expect(deadline.signal.aborted).toBe(false);
  });
});

describe("waiting for a promise or a signal", () => {
  test("gives what the promise becomes", async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), undefined)).toBe(1);
    expect(await abortable(Promise.resolve(2), signal)).toBe(2);
    expect(await reasonOf(abortable(Promise.reject(LATE()), signal))).toBe("DEADLINE_EXCEEDED");
  });

  test("ends with the signal while the promise goes on", async () => {
    const controller = new AbortController();
    const { promise, reject } = Promise.withResolvers<never>();
    const waiting = reasonOf(abortable(promise, controller.signal));
    controller.abort();
    expect(await waiting).toBe("CANCELLED");
    // Vitest fails the run on an unhandled rejection.
    reject(new Error("nobody waits for this any more"));
  });

  test("does not begin when the signal has aborted already", async () => {
    const failing = Promise.reject(new Error("nobody waits for this"));
    expect(await reasonOf(abortable(failing, AbortSignal.abort()))).toBe("CANCELLED");
  });

  test("leaves no listener behind", async () => {
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
    await abortable(Promise.resolve(), signal);
    await reasonOf(abortable(Promise.reject(LATE()), signal));
    expect(remove.mock.calls.map(([, listener]) => listener)).toEqual(add.mock.calls.map(([, listener]) => listener));
  });
});
