/** Something that the workspace's rules forbid. */
export interface Violation {
  /** Relative to the root. */
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

/** `packages/core/src/x.ts:3: it imports exec` */
export function formatViolation({ file, line, message }: Violation): string {
  return `${file}${line === undefined ? "" : `:${line}`}: ${message}`;
}
