import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "./device.ts";
import { NODED_BUNDLE } from "./programs.ts";

/** What the manager is published as. */
export const MANAGER = "node manager";

const BUILT_VERSION = /(name:"@nodemanager\/noded",version:)"[^"]*"/;

/** The text of the built noded as one script, which says that it is another version. */
export function managerText(version: string): string {
  const text = readFileSync(NODED_BUNDLE, "utf8");
  if (!BUILT_VERSION.test(text)) {
    throw new Error("the bundle does not say its version where it did");
  }
  return text.replace(BUILT_VERSION, `$1${JSON.stringify(version)}`);
}

/** Where the device gets versions of its manager from. */
export function managerOrigin(device: Device, title: string = MANAGER): string {
  return `file:${join(device.dir, "repo")}/${encodeURIComponent(title)}`;
}

export interface ManagerPublication {
  readonly version: string;
  /** Of the program; the built noded that says this version unless given. */
  readonly text?: string | undefined;
  readonly title?: string | undefined;
  /** Which profile it is for; that of this machine unless given. */
  readonly profile?: string | undefined;
}

/** Publishes a version of the manager by `nmctl publish`. */
export async function publishManager(
  device: Device,
  { version, text, title = MANAGER, profile }: ManagerPublication,
): Promise<void> {
  const file = join(device.dir, `noded-${version.replaceAll(".", "-")}`);
  writeFileSync(file, text ?? managerText(version));
  chmodSync(file, 0o755);
  const to = `file:${join(device.dir, "repo")}`;
  await device.ok(
    ...["publish", file, "--to", to, "--title", title, "--version", version],
    ...(profile === undefined ? [] : ["--profile", profile]),
  );
}
