import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { Entry, EntryKind, FileStat, FsOps, NewFile } from "./fs-ops.ts";
import { removeTree } from "./remove-tree.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
const fsync = promisify(fs.fsync);
const writeAsync = promisify(fs.write);

const CHUNK_BYTES = 256 * 1024;
/** Of chown(2). */
const AS_IT_IS = -1;
/** Larger writes go to the thread pool. */
const SMALL_BYTES = 16 * 1024;

/**
 * The verbs on the real file system.
 *
 * What waits for the disk (fsync, bulk writes, removing trees) runs on the thread pool. What only touches the
 * kernel's caches is a plain system call: a state document has a few hundred bytes, and a trip through the thread pool
 * costs several times the call (measured: 270 microseconds for open, write, close and rename, 70 without the pool; the
 * start of an instance makes some thirty such calls next to a spawn of 1,000). Reading never waits for a peer:
 * `O_NONBLOCK` opens a FIFO at once, and what is not a regular file is refused before it is read.
 */
export const nodeFs: FsOps = {
  async stat(path) {
    return toStat(fs.lstatSync(path));
  },
  async readdir(dir) {
    if (!fs.lstatSync(dir).isDirectory()) {
      throw errno("ENOTDIR", `not a directory: ${dir}`);
    }
    return fs
      .readdirSync(dir, { withFileTypes: true })
      .map((entry): Entry => ({ name: entry.name, kind: kindOf(entry) }));
  },
  async readFile(path, maxBytes) {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      return readRegular(fd, path, maxBytes);
    } finally {
      fs.closeSync(fd);
    }
  },
  async sha256(path) {
    const hash = createHash("sha256");
    await pipeline(openStream(path), hash);
    return hash.digest("hex");
  },
  async *readChunks(path) {
    yield* openStream(path);
  },
  async freeBytes(dir) {
    const { bavail, bsize } = fs.statfsSync(dir);
    return bavail * bsize;
  },
  async readlink(path) {
    return fs.readlinkSync(path);
  },
  async realpath(path) {
    return fs.realpathSync(path);
  },
  async createFile(path, mode) {
    return new NodeFile(fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  },
  async mkdir(dir, mode) {
    fs.mkdirSync(dir, { mode });
  },
  async symlink(target, path) {
    fs.symlinkSync(target, path);
  },
  async link(existing, path) {
    fs.linkSync(existing, path);
  },
  async rename(from, to) {
    fs.renameSync(from, to);
  },
  async unlink(path) {
    fs.unlinkSync(path);
  },
  async setMode(path, mode) {
    fs.chmodSync(path, mode);
  },
  async setOwner(path, { uid = AS_IT_IS, gid }) {
    fs.lchownSync(path, uid, gid);
  },
  async rmdir(dir) {
    fs.rmdirSync(dir);
  },
  removeTree,
  async syncDir(dir) {
    const fd = fs.openSync(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      await fsync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
};

class NodeFile implements NewFile {
  #fd: number | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // A write may be short, as at a file size limit, without being an error.
    for (let done = 0; done < bytes.length; ) {
      const rest = bytes.subarray(done);
      done +=
        rest.length <= SMALL_BYTES
          ? fs.writeSync(this.#open(), rest)
          : (await writeAsync(this.#open(), rest)).bytesWritten;
    }
  }

  async setMode(mode: number): Promise<void> {
    fs.fchmodSync(this.#open(), mode);
  }

  async sync(): Promise<void> {
    await fsync(this.#open());
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) {
      fs.closeSync(fd);
    }
  }

  #open(): number {
    if (this.#fd === undefined) {
      throw errno("EBADF", "the file is closed");
    }
    return this.#fd;
  }
}

function openStream(path: string): fs.ReadStream {
  const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) {
    fs.closeSync(fd);
    throw noRegularFile(stat, path);
  }
  return fs.createReadStream(path, { fd, highWaterMark: CHUNK_BYTES });
}

function noRegularFile(stat: fs.Stats, path: string): Error {
  return stat.isDirectory() ? errno("EISDIR", `a directory: ${path}`) : errno("EFTYPE", `not a regular file: ${path}`);
}

function readRegular(fd: number, path: string, maxBytes: number): Uint8Array {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) {
    throw noRegularFile(stat, path);
  }
  if (stat.size > maxBytes) {
    throw errno("EFBIG", `${stat.size} bytes, more than ${maxBytes}: ${path}`);
  }
  const bytes = Buffer.alloc(stat.size);
  let length = 0;
  while (length < bytes.length) {
    const read = fs.readSync(fd, bytes, length, bytes.length - length, null);
    if (read === 0) {
      break;
    }
    length += read;
  }
  return bytes.subarray(0, length);
}

function toStat(stat: fs.Stats): FileStat {
  return {
    kind: kindOf(stat),
    sizeBytes: stat.size,
    mode: stat.mode & 0o7777,
    links: stat.nlink,
    identity: `${stat.dev}:${stat.ino}`,
    modifiedAt: stat.mtime,
    uid: stat.uid,
    gid: stat.gid,
  };
}

function kindOf(entry: fs.Stats | fs.Dirent): EntryKind {
  if (entry.isFile()) {
    return "file";
  }
  if (entry.isDirectory()) {
    return "directory";
  }
  return entry.isSymbolicLink() ? "symlink" : "other";
}

function errno(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
