import { parseLdconfig } from "./ldconfig.ts";
import { architectureOf, platformOf } from "./platform.ts";
import type { Libc, Specification } from "./specification.ts";

/** What a node says of itself. `@nodemanager/profile/facts` reads it from the machine. */
export interface NodeFacts {
  /** `process.platform` */
  readonly platform: string;
  /** `process.arch` */
  readonly arch: string;
  /** `os.endianness()` */
  readonly endianness: "LE" | "BE";
  readonly libc?: Libc | undefined;
  /** What `ldconfig -p` prints; absent where there is none. */
  readonly ldconfig?: string | undefined;
}

/**
 * What a node offers to what runs on it. The same facts give the same specification, in the same order.
 *
 * @throws NodeError `NOT_IMPLEMENTED` for a platform that is not known
 */
export function computeSpecification(facts: NodeFacts): Specification {
  const { format, os } = platformOf(facts.platform);
  const arch = architectureOf(facts.arch, facts.endianness);
  const libraries = facts.ldconfig === undefined ? [] : parseLdconfig(facts.ldconfig, arch);
  return { format, os, arch, ...(facts.libc && { libc: facts.libc }), libraries };
}
