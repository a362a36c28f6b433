import { NodeError, type Reason } from "@nodemanager/core";

/**
 * The reason for which something fails, for `expect(await reasonOf(promise)).toBe("INSTANCE_RUNNING")`.
 *
 * @throws what was thrown, if it is not a `NodeError`; an error, if nothing was thrown
 */
export async function reasonOf(work: Promise<unknown> | (() => unknown)): Promise<Reason> {
  return (await failureOf(work)).reason;
}

/** The `NodeError` with which something fails. Otherwise as {@link reasonOf}. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<NodeError> {
  let value: unknown;
  try {
    value = await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof NodeError) {
      return error;
    }
    throw error;
  }
  throw new Error("it did not fail", { cause: value });
}

/** Everything that an async iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}
