import {
  type BinaryRef,
  decodeEnvelope,
  type Envelope,
  NodeError,
  type Readiness,
  type StopPolicy,
} from "@nodemanager/core";
import { BinaryFile } from "./binary-file.ts";
import type { Repository } from "./repository.ts";
import { uploadBinary } from "./upload-binary.ts";
import { type PackageFile, packageRef, type UploadPackageOptions } from "./upload-package.ts";

/** An envelope as a publisher gives it: without what is uploaded, and with defaults for what is not there. */
export interface ApplicationDescription {
  readonly version: string;
  /** The name of the application unless given. */
  readonly title?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The program, when it is in a package: `web/bin/server`, or the package's name alone when that is a file. */
  readonly command?: string | undefined;
  readonly readiness?: ReadinessInput | undefined;
  readonly stop?: Partial<StopPolicy> | undefined;
  readonly soakMs?: number | undefined;
  readonly publisher?: string | undefined;
}

/** A readiness whose times and host may be left to their defaults. */
export type ReadinessInput = Readiness extends infer Kind
  ? Kind extends Readiness
    ? Omit<Kind, "timeoutMs" | "settleMs" | "host"> &
        Partial<Pick<Kind, keyof Kind & ("timeoutMs" | "settleMs" | "host")>>
    : never
  : never;

export interface PublishOptions extends UploadPackageOptions {
  /** The executable file; none when the description has a command. */
  readonly file?: string | undefined;
  /** By the names of the files and directories that they become. */
  readonly packages?: Readonly<Record<string, PackageFile>> | undefined;
  readonly to: Repository;
  /** Its name in the repository. */
  readonly application: string;
  readonly description: ApplicationDescription;
  readonly profiles: readonly string[];
}

export interface Published {
  readonly envelope: Envelope;
}

/**
 * Publishes files as a version of an application: the binary and the packages first, then the envelope, so that nobody sees
 * an envelope without what it names. Publishing the same again changes nothing; after a failure, call it again.
 *
 * @throws NodeError `INVALID_ARGUMENT` when a file is not a readable regular file, or no profile is given
 * @throws NodeError `INVALID_ENVELOPE`, `INVALID_TITLE`, `RESERVED_TITLE`, `INVALID_NAME`
 * @throws NodeError `INVALID_PACKAGE` when no node would unpack an archive, or the command is not a program in it
 * @throws NodeError `ALREADY_EXISTS` when the version is published with another content
 * @throws NodeError `DIGEST_MISMATCH` when a file changed while it was read
 */
export async function publish(options: PublishOptions): Promise<Published> {
  const { to, application, profiles, signal } = options;
  if (profiles.length === 0) {
    throw new NodeError("INVALID_ARGUMENT", `${application} is published for no profile; name at least one`);
  }
  // Anything wrong with it is said before the files are read and sent.
  let binary = NOTHING;
  const packages = new Map<string, BinaryRef>();
  describe(options, binary, packages);
  await using files = new AsyncDisposableStack();
  const uploads: Upload[] = [];
  if (options.file !== undefined) {
    const opened = files.use(await BinaryFile.open(options.file));
    binary = await opened.ref(signal);
    uploads.push({ ref: binary, opened });
  }
  for (const [name, file] of Object.entries(options.packages ?? {})) {
    const opened = files.use(await BinaryFile.open(file.path));
    const ref = await packageRef(opened, file, { signal, program: programIn(name, options.description.command) });
    packages.set(name, ref);
    uploads.push({ ref, opened });
  }
  const envelope = describe(options, binary, packages);
  await uploadAll(uploads, options);
  await to.applications.put(application, { profiles, envelope, signal });
  return { envelope };
}

/** In the place of what is not known yet. */
const NOTHING: BinaryRef = { sha256: "0".repeat(64), sizeBytes: 0 };

interface Upload {
  readonly ref: BinaryRef;
  readonly opened: BinaryFile;
}

function describe(
  { application, description, file, packages = {} }: PublishOptions,
  binary: BinaryRef,
  refs: ReadonlyMap<string, BinaryRef>,
): Envelope {
  const described = Object.entries(packages).map(([name, { format }]) => [
    name,
    { ...(refs.get(name) ?? NOTHING), format },
  ]);
  return decodeEnvelope(
    {
      title: application,
      ...given(description),
      ...(file !== undefined && { binary }),
      packages: Object.fromEntries(described),
    },
    "the publisher",
  );
}

/** What of a command is the path in a package of that name. */
function programIn(name: string, command: string | undefined): string | undefined {
  return command?.startsWith(`${name}/`) ? command.slice(name.length + 1) : undefined;
}

/** One after the other; the progress is that of all of them. */
async function uploadAll(uploads: readonly Upload[], o: PublishOptions): Promise<void> {
  const goal = uploads.reduce((sum, { ref }) => sum + ref.sizeBytes, 0);
  let before = 0;
  for (const { ref, opened } of uploads) {
    const done = before;
    await uploadBinary({
      ...o,
      to: o.to.binaries,
      ref,
      source: (offset) => opened.read(offset, o.signal),
      onProgress: (sent) => o.onProgress?.(done + sent, goal),
    });
    before += ref.sizeBytes;
  }
}

/** Without the fields that are `undefined`, which are as good as missing here. */
function given(description: ApplicationDescription): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(description).filter(([, value]) => value !== undefined));
}
