/** What a directory entry is; `other` is a FIFO, a socket or a device. */
export type EntryKind = "file" | "directory" | "symlink" | "other";

export interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
}

export interface FileStat {
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Permission bits only. */
  readonly mode: number;
  /** How many names it has. */
  readonly links: number;
  /** The same for all names of one file, and another one for every other file that is there at the time. */
  readonly identity: string;
  readonly modifiedAt: Date;
  readonly uid: number;
  readonly gid: number;
}

/** To whom something is to belong. */
export interface Owner {
  /** Stays as it is unless given. */
  readonly uid?: number | undefined;
  readonly gid: number;
}

/** A file that is being made. Nothing of it is durable before {@link sync}. */
export interface NewFile {
  /** Appends all the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sets the permission bits, whatever the umask. */
  setMode(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The verbs through which everything below a root is read and changed, and the only ones. A test wraps them to record
 * them or to make one of them fail. Failures carry the errno in `code`.
 */
export interface FsOps {
  /** Of the entry itself: a symbolic link is not followed. */
  stat(path: string): Promise<FileStat>;
  /** `ENOTDIR` when the path is anything but a directory, also when it is a symbolic link to one. */
  readdir(dir: string): Promise<readonly Entry[]>;
  /**
   * The whole of a regular file. Never blocks on what is none: `ELOOP` for a symbolic link, `EISDIR`, `EFTYPE` for
   * anything else; `EFBIG` when it has more than `maxBytes`, which are not read.
   */
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  /** The SHA-256 of a regular file's bytes in lower-case hexadecimal; refuses what is none as {@link readFile} does. */
  sha256(path: string): Promise<string>;
  /**
   * The bytes of a regular file, a piece at a time; refuses what is none as {@link readFile} does. Closes it when its
   * consumer leaves.
   */
  readChunks(path: string): AsyncIterable<Uint8Array>;
  /** How many bytes can still be written to the file system of a directory by those who are not root. */
  freeBytes(dir: string): Promise<number>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  /** Makes a file that must not exist; never through a symbolic link. */
  createFile(path: string, mode: number): Promise<NewFile>;
  /** Makes a directory that must not exist. */
  mkdir(dir: string, mode: number): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  /** A further name for a file; `EEXIST` when the name is taken. */
  link(existing: string, path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  /** Of the entry itself. */
  setOwner(path: string, owner: Owner): Promise<void>;
  /** Removes an empty directory. */
  rmdir(dir: string): Promise<void>;
  /** Removes whatever is there, with everything below; nothing is not an error. */
  removeTree(path: string): Promise<void>;
  /** Makes what was created, linked, renamed or unlinked in a directory durable. */
  syncDir(dir: string): Promise<void>;
}
