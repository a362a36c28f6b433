import { formatProfiles, matchProfiles, parseProfiles } from "@nodemanager/profile";
import { failureOf } from "@nodemanager/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as arbitrary from "./arbitraries.ts";

const KIOSK = {
  label: "kiosk",
  description: "the kiosks in the hall",
  needs: {
    format: "ELF",
    os: "linux",
    arch: "arm64",
    libc: { family: "glibc", version: "2.31" },
    libraries: [{ name: "ssl", version: "3" }],
  },
};

async function fieldOf(value: unknown): Promise<string | undefined> {
  const failure = await failureOf(() => parseProfiles(JSON.stringify(value), "/etc/profiles.json"));
  expect(failure.reason).toBe("INVALID_CONFIG");
  expect(failure.message).toContain("/etc/profiles.json");
  return failure.metadata.field;
}

function file(...profiles: readonly unknown[]): unknown {
  return { schemaVersion: 1, profiles };
}

// What the original's profile repository did with Put, Label, Description, Specification and Remove.
test("a profile that is put into the file is found with its label, description and needs, and gone when it is removed", () => {
  const text = formatProfiles([KIOSK]);
  expect(parseProfiles(text, "file")).toEqual([KIOSK]);
  expect(matchProfiles({ ...KIOSK.needs }, parseProfiles(text, "file"))).toEqual(["kiosk"]);
  expect(parseProfiles(formatProfiles([]), "file")).toEqual([]);
});

test("what a profile does not name it does not ask for", () => {
  const text = JSON.stringify(file({ label: "any", needs: { libraries: [{ name: "z" }], libc: { family: "musl" } } }));
  expect(parseProfiles(text, "file")).toEqual([
    {
      label: "any",
      needs: {
        format: "",
        os: "",
        arch: "",
        libc: { family: "musl", version: "" },
        libraries: [{ name: "z", version: "" }],
      },
    },
  ]);
});

test.each([
  ["the document", []],
  ["the document", "text"],
  ["schemaVersion", { profiles: [] }],
  ["schemaVersion", { schemaVersion: 2, profiles: [] }],
  ["profiles", { schemaVersion: 1 }],
  ["profiles", { schemaVersion: 1, profiles: {} }],
  ["profile", { schemaVersion: 1, profiles: [], profile: [] }],
  ["profiles.1", file(KIOSK, null)],
  ["profiles.0.label", file({ needs: {} })],
  ["profiles.0.label", file({ label: 5, needs: {} })],
  ["profiles.0.label", file({ label: "a/b", needs: {} })],
  ["profiles.0.label", file({ label: "", needs: {} })],
  ["profiles.0.label", file({ label: "linux-amd64", needs: {} })],
  ["profiles.1.label", file(KIOSK, KIOSK)],
  ["profiles.0.description", file({ ...KIOSK, description: 1 })],
  ["profiles.0.needs", file({ label: "x" })],
  ["profiles.0.needs", file({ label: "x", needs: [] })],
  ["profiles.0.needs.arhc", file({ label: "x", needs: { arhc: "arm64" } })],
  ["profiles.0.needs.os", file({ label: "x", needs: { os: null } })],
  ["profiles.0.needs.libc", file({ label: "x", needs: { libc: "glibc" } })],
  ["profiles.0.needs.libc.family", file({ label: "x", needs: { libc: {} } })],
  ["profiles.0.needs.libc.version", file({ label: "x", needs: { libc: { family: "glibc", version: 2.36 } } })],
  ["profiles.0.needs.libraries", file({ label: "x", needs: { libraries: "ssl" } })],
  ["profiles.0.needs.libraries.1.name", file({ label: "x", needs: { libraries: [{ name: "z" }, {}] } })],
])("an error names %s: %j", async (field, value) => {
  expect(await fieldOf(value)).toBe(field);
});

test("text that is not JSON is an error", async () => {
  expect((await failureOf(() => parseProfiles("{", "file"))).reason).toBe("INVALID_CONFIG");
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(arbitrary.profiles, (profiles) => {
      expect(parseProfiles(formatProfiles(profiles), "file")).toEqual(JSON.parse(JSON.stringify(profiles)));
    }),
  );
});
