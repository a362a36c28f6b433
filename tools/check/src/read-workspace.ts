import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findImports, type Import, withoutComments } from "./imports.ts";

/** A package of the workspace and its source. */
export interface WorkspacePackage {
  /** Without the scope: `core`. */
  readonly name: string;
  /** Relative to the root: `packages/core`. */
  readonly dir: string;
  readonly kind: "library" | "app" | "tool";
  readonly manifest: Manifest;
  readonly sources: readonly SourceFile[];
  readonly tests: readonly SourceFile[];
}

export interface Manifest {
  readonly name?: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly license?: string;
  readonly description?: string;
  readonly sideEffects?: boolean;
  readonly engines?: { readonly node?: string };
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface SourceFile {
  /** Relative to the root. */
  readonly file: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export const SCOPE = "@nodemanager/";
const KINDS = { packages: "library", apps: "app", tools: "tool" } as const;

/** Reads every package below `packages`, `apps` and `tools`; generated source is not looked at. */
export function readWorkspace(root: string): WorkspacePackage[] {
  return Object.entries(KINDS).flatMap(([folder, kind]) =>
    globSync(`${folder}/*/package.json`, { cwd: root })
      .filter((file) => file !== "tools/toolchain/package.json")
      .sort()
      .map((file) => {
        const dir = dirname(file);
        const manifest: Manifest = JSON.parse(readFileSync(join(root, file), "utf8"));
        return {
          name: manifest.name?.replace(SCOPE, "") ?? basename(dir),
          dir,
          kind,
          manifest,
          sources: readSources(root, `${dir}/src`),
          tests: readSources(root, `${dir}/test`),
        };
      }),
  );
}

function readSources(root: string, dir: string): SourceFile[] {
  return globSync(`${dir}/**/*.{ts,mts}`, { cwd: root })
    .filter((file) => !file.startsWith(`${dir}/gen/`))
    .sort()
    .map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return { file, code: withoutComments(text), imports: findImports(text) };
    });
}
