const unplaced = new Set<number>();

/**
 * Whether a process may be in a launch's control group without belonging to the launch: this process itself, which lives
 * in the group of the next launch and leaves it a moment after the start, and children that are being moved to their own.
 * What ends a launch spares them.
 */
export function isBystander(pid: number): boolean {
  return pid === process.pid || unplaced.has(pid);
}

/** Marks a child as being moved, until it is disposed. */
export function markUnplaced(pid: number): Disposable {
  unplaced.add(pid);
  return { [Symbol.dispose]: () => void unplaced.delete(pid) };
}
