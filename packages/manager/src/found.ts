import { type InstallationName, parseName, type Title } from "@nodemanager/core";
import type { BrokenRecord, InstallationRecord, Root } from "@nodemanager/layout";

/**
 * An installation as it is on disk. Its instances can be listed by its name also when it is broken: they may run, and
 * have to be seen and ended.
 */
export interface FoundInstallation {
  readonly name: InstallationName;
  readonly record: InstallationRecord | BrokenRecord;
}

/** Something in the place of an installation or an application that has no name of its own any more. */
export interface FoundStray {
  readonly name: undefined;
  readonly record: BrokenRecord;
}

/** Every installation, or those of one application, in the order of the names on disk. */
export async function* installations(
  root: Root,
  o: { readonly title?: Title | undefined } = {},
): AsyncGenerator<FoundInstallation | FoundStray> {
  for await (const record of root.installations.list(o)) {
    if (record.kind === "installation") {
      yield { name: record.name, record };
    } else {
      const name = installationName(record.name);
      yield name ? { name, record } : { name: undefined, record };
    }
  }
}

function installationName(text: string): InstallationName | undefined {
  try {
    const name = parseName(text);
    return name.kind === "installation" ? name : undefined;
  } catch {
    return undefined;
  }
}
