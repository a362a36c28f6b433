import { writeSync } from "node:fs";
import { basename } from "node:path";
import type { FsOps, NewFile } from "@nodemanager/layout";

/** At which step of what follows the process is to be killed. */
export interface KillPoint {
  /** 1 is the first step after arming. */
  readonly step: number;
  /** Whether the step itself is still carried out. */
  readonly when: "before" | "after";
  /** Whether verbs that only read count, too. */
  readonly reads: boolean;
}

const STDERR = 2;

/** Counts the steps that a process takes on the file system, and kills the process at one of them. */
export class KillSwitch {
  #point: KillPoint | undefined;
  #steps = 0;

  /** Begins to count. */
  arm(point: KillPoint): void {
    this.#point = point;
    this.#steps = 0;
  }

  /** Carries out one step, unless the process does not live to do it. */
  async step<T>(what: string, isRead: boolean, work: () => Promise<T>): Promise<T> {
    const point = this.#point;
    const counts = point !== undefined && (!isRead || point.reads);
    const isLast = counts && ++this.#steps === point.step;
    if (isLast && point.when === "before") {
      this.#kill(what);
    }
    try {
      return await work();
    } finally {
      // Also after one that failed: looking for what is not there is a step, too.
      if (isLast && point.when === "after") {
        this.#kill(what);
      }
    }
  }

  #kill(what: string): never {
    writeSync(STDERR, `killed ${this.#point?.when} step ${this.#steps}: ${what}\n`);
    process.kill(process.pid, "SIGKILL");
    throw new Error("the process was killed");
  }
}

/** The verbs of a file system with a switch before and after each of them. */
export function withKillSwitch(fs: FsOps, kill: KillSwitch): FsOps {
  const read = <T>(what: string, work: () => Promise<T>) => kill.step(what, true, work);
  const change = <T>(what: string, work: () => Promise<T>) => kill.step(what, false, work);
  return {
    stat: (path) => read(`stat ${basename(path)}`, () => fs.stat(path)),
    readdir: (dir) => read(`readdir ${basename(dir)}`, () => fs.readdir(dir)),
    readFile: (path, maxBytes) => read(`readFile ${basename(path)}`, () => fs.readFile(path, maxBytes)),
    sha256: (path) => read(`sha256 ${basename(path)}`, () => fs.sha256(path)),
    readChunks: async function* (path) {
      yield* await read(`readChunks ${basename(path)}`, async () => fs.readChunks(path));
    },
    freeBytes: (dir) => read(`statfs ${basename(dir)}`, () => fs.freeBytes(dir)),
    readlink: (path) => read(`readlink ${basename(path)}`, () => fs.readlink(path)),
    realpath: (path) => read(`realpath ${basename(path)}`, () => fs.realpath(path)),
    createFile: (path, mode) =>
      change(`create ${basename(path)}`, async () => switched(await fs.createFile(path, mode), path, kill)),
    mkdir: (dir, mode) => change(`mkdir ${basename(dir)}`, () => fs.mkdir(dir, mode)),
    symlink: (target, path) => change(`symlink ${basename(path)}`, () => fs.symlink(target, path)),
    link: (existing, path) => change(`link ${basename(path)}`, () => fs.link(existing, path)),
    rename: (from, to) => change(`rename ${basename(from)} to ${basename(to)}`, () => fs.rename(from, to)),
    unlink: (path) => change(`unlink ${basename(path)}`, () => fs.unlink(path)),
    setMode: (path, mode) => change(`chmod ${basename(path)}`, () => fs.setMode(path, mode)),
    setOwner: (path, owner) => change(`chown ${basename(path)}`, () => fs.setOwner(path, owner)),
    rmdir: (dir) => change(`rmdir ${basename(dir)}`, () => fs.rmdir(dir)),
    removeTree: (path) => change(`remove ${basename(path)}`, () => fs.removeTree(path)),
    syncDir: (dir) => change(`fsync ${basename(dir)}/`, () => fs.syncDir(dir)),
  };
}

function switched(file: NewFile, path: string, kill: KillSwitch): NewFile {
  const name = basename(path);
  const change = <T>(what: string, work: () => Promise<T>) => kill.step(`${what} ${name}`, false, work);
  return {
    write: (bytes) => change("write", () => file.write(bytes)),
    setMode: (mode) => change("fchmod", () => file.setMode(mode)),
    sync: () => change("fsync", () => file.sync()),
    close: () => change("close", () => file.close()),
  };
}
