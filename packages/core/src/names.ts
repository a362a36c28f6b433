import { NodeError } from "./errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** The title of an application: 1 to 128 characters, none of them `/` or a control character. */
export type Title = Branded<"Title">;
/** 128 random bits, 26 characters of `a-z2-7`. */
export type InstallationId = Branded<"InstallationId">;
/** 128 random bits, 26 characters of `a-z2-7`. */
export type InstanceId = Branded<"InstanceId">;

/** What a name means: the manager, all applications, or one application, installation or instance. */
export type ObjectName =
  | { readonly kind: "manager" }
  | { readonly kind: "apps" }
  | ApplicationName
  | InstallationName
  | InstanceName;

export interface ApplicationName {
  readonly kind: "application";
  readonly title: Title;
}
export interface InstallationName {
  readonly kind: "installation";
  readonly title: Title;
  readonly installation: InstallationId;
}
export interface InstanceName {
  readonly kind: "instance";
  readonly title: Title;
  readonly installation: InstallationId;
  readonly instance: InstanceId;
}

/** The title of the manager itself, which no application may have. */
export const MANAGER_TITLE = "node manager";

const TITLE_MAX = 128;
const ID = /^[a-z2-7]{26}$/;
const NOT_IN_TITLE = /[/\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/**
 * Reads a name: `nm`, `apps`, `apps/<title>`, `apps/<title>/<installation>`,
 * `apps/<title>/<installation>/<instance>`. Nothing is trimmed, dropped or completed.
 *
 * @throws NodeError `INVALID_NAME`, `INVALID_TITLE`, `RESERVED_TITLE`
 */
export function parseName(text: string): ObjectName {
  if (text === "nm") {
    return { kind: "manager" };
  }
  const [scope, title, installation, instance, ...rest] = text.split("/");
  if (scope !== "apps" || rest.length > 0) {
    throw invalidName(text, 'it is neither "nm" nor of the form apps/<title>/<installation>/<instance>');
  }
  if (title === undefined) {
    return { kind: "apps" };
  }
  const parsedTitle = parseTitle(title);
  if (installation === undefined) {
    return { kind: "application", title: parsedTitle };
  }
  if (!isInstallationId(installation)) {
    throw invalidName(text, `${JSON.stringify(installation)} is not an installation's id`);
  }
  if (instance === undefined) {
    return { kind: "installation", title: parsedTitle, installation };
  }
  if (!isInstanceId(instance)) {
    throw invalidName(text, `${JSON.stringify(instance)} is not an instance's id`);
  }
  return { kind: "instance", title: parsedTitle, installation, instance };
}

/** The text that {@link parseName} reads back. */
export function formatName(name: ObjectName): string {
  switch (name.kind) {
    case "manager":
      return "nm";
    case "apps":
      return "apps";
    case "application":
      return `apps/${name.title}`;
    case "installation":
      return `apps/${name.title}/${name.installation}`;
    case "instance":
      return `apps/${name.title}/${name.installation}/${name.instance}`;
  }
}

/**
 * Reads a title of an application.
 *
 * @throws NodeError `INVALID_TITLE`, `RESERVED_TITLE`
 */
export function parseTitle(text: string): Title {
  const title = parseAnyTitle(text);
  if (isManagerTitle(title)) {
    throw new NodeError("RESERVED_TITLE", `the title ${JSON.stringify(text)} is reserved for the manager itself`);
  }
  return title;
}

/** Whether a title is the manager's, or could be taken for it. */
export function isManagerTitle(title: string): boolean {
  return title.trim().toLowerCase() === MANAGER_TITLE;
}

/**
 * Reads a title of an application or of the manager: what a publisher may offer, and a repository hold.
 *
 * @throws NodeError `INVALID_TITLE`; `RESERVED_TITLE` for one that could be taken for the manager's
 */
export function parseAnyTitle(text: string): Title {
  const length = [...text].length;
  if (length < 1 || length > TITLE_MAX) {
    throw new NodeError("INVALID_TITLE", `a title has 1 to ${TITLE_MAX} characters, this one has ${length}`);
  }
  if (!text.isWellFormed() || NOT_IN_TITLE.test(text)) {
    throw new NodeError(
      "INVALID_TITLE",
      `a title has no "/", no control character and no broken Unicode: ${JSON.stringify(text)}`,
    );
  }
  if (isManagerTitle(text) && text !== MANAGER_TITLE) {
    throw new NodeError("RESERVED_TITLE", `the title ${JSON.stringify(text)} could be taken for ${MANAGER_TITLE}`);
  }
  return text as Title;
}

export function isInstallationId(text: string): text is InstallationId {
  return ID.test(text);
}

export function isInstanceId(text: string): text is InstanceId {
  return ID.test(text);
}

function invalidName(text: string, why: string): NodeError {
  return new NodeError("INVALID_NAME", `invalid name ${JSON.stringify(text)}: ${why}`);
}
