import type { Library, Profile, Specification } from "@nodemanager/profile";
import fc from "fast-check";

// Small alphabets, so that needs and offers meet often.
export const version: fc.Arbitrary<string> = fc
  .array(fc.constantFrom("0", "1", "2", "10", "0d"), { maxLength: 3 })
  .map((components) => components.join("."));
export const library: fc.Arbitrary<Library> = fc.record({ name: fc.constantFrom("ssl", "z", "c++"), version });
const libc = fc.record({ family: fc.constantFrom("", "glibc", "musl"), version });
const libraries = fc.array(library, { maxLength: 4 });

export const node: fc.Arbitrary<Specification> = fc.record({
  format: fc.constantFrom("ELF", "PE"),
  os: fc.constantFrom("linux", "windows"),
  arch: fc.constantFrom("amd64", "arm64"),
  libc: fc.option(libc, { nil: undefined }),
  libraries: fc.array(library, { maxLength: 8 }),
});

const needs: fc.Arbitrary<Specification> = fc.record({
  format: fc.constantFrom("", "ELF", "PE"),
  os: fc.constantFrom("", "linux", "windows"),
  arch: fc.constantFrom("", "amd64", "arm64"),
  libc: fc.option(libc, { nil: undefined }),
  libraries,
});

export const profiles: fc.Arbitrary<Profile[]> = fc.uniqueArray(
  fc.record({ label: fc.stringMatching(/^[a-z][a-z0-9.-]{0,4}$/), needs }),
  { selector: (profile) => profile.label, maxLength: 8 },
);
