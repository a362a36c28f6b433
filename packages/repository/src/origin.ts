import { hasReason, NodeError, parseAnyTitle } from "@nodemanager/core";
import { formatRepositoryAddress, parseRepositoryAddress, type RepositoryAddress } from "./repository-address.ts";
import { isVersion } from "./version.ts";

/** Where an installation gets its envelopes from. */
export interface Origin {
  readonly repository: RepositoryAddress;
  /** The name of the application in the repository. */
  readonly application: string;
  /** Only this version; otherwise the highest. */
  readonly version?: string;
}

/**
 * Reads `REPOSITORY/APPLICATION[@VERSION]`. In the application's name `%40` means `@`, `%25` means `%`, and so on.
 *
 * @throws NodeError `INVALID_ORIGIN`, `RESERVED_TITLE`
 */
export function parseOrigin(text: string): Origin {
  const slash = text.lastIndexOf("/");
  if (slash < 0) {
    throw invalid(text, "an origin is REPOSITORY/APPLICATION[@VERSION]");
  }
  const [name = "", version, ...more] = text.slice(slash + 1).split("@");
  if (name === "" || more.length > 0) {
    throw invalid(text, 'an origin ends in APPLICATION[@VERSION]; an "@" in the application is written "%40"');
  }
  if (version !== undefined && !isVersion(version)) {
    throw invalid(
      text,
      `${JSON.stringify(version)} is not a semantic version; an "@" in the application is written "%40"`,
    );
  }
  const repository = parseRepositoryAddress(text.slice(0, slash));
  const application = decodeApplication(text, name);
  return version === undefined ? { repository, application } : { repository, application, version };
}

/** The text that {@link parseOrigin} reads back. */
export function formatOrigin(origin: Origin): string {
  const name = origin.application.replace(/[%@\s]/gu, encodeURIComponent);
  const version = origin.version === undefined ? "" : `@${origin.version}`;
  return `${formatRepositoryAddress(origin.repository)}/${name}${version}`;
}

function decodeApplication(text: string, name: string): string {
  try {
    return parseAnyTitle(decodeURIComponent(name));
  } catch (error) {
    if (hasReason(error, "RESERVED_TITLE")) {
      throw error;
    }
    throw invalid(text, `${JSON.stringify(name)} is not the name of an application`, error);
  }
}

function invalid(text: string, why: string, cause?: unknown): NodeError {
  return new NodeError("INVALID_ORIGIN", `invalid origin ${JSON.stringify(text)}: ${why}`, { cause });
}
