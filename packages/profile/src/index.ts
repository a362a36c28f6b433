export type { Library, Profile, Runnability, Specification } from "./specification.ts";
