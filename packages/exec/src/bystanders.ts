const unplaced = new Set<number>();

/**
 * Whether a process may be in a launch's control group without belonging to the launch: this process itself, which lives
 * in the group of the next launch and leaves it a moment after the start, children that are being moved to their own, and
 * helpers that this process waits for. What ends a launch spares them.
 */
export function isBystander(pid: number): boolean {
  return pid === process.pid || unplaced.has(pid);
}

/** Marks a child as one that does not belong where it was born, until it is disposed. */
export function markUnplaced(pid: number): Disposable {
  unplaced.add(pid);
  return { [Symbol.dispose]: () => void unplaced.delete(pid) };
}
