export { computeSpecification, type NodeFacts } from "./compute.ts";
export { type Inspection, inspectBinary } from "./inspect-binary.ts";
export { knownProfiles } from "./known-profiles.ts";
export { isRunnable, matchProfiles, missingFrom } from "./match.ts";
export { formatProfiles, parseProfiles } from "./own-profiles.ts";
export type { Libc, Library, Profile, Runnability, Specification } from "./specification.ts";
