/** What a node offers, or what a binary or profile needs. An empty field of a need asks for nothing. */
export interface Specification {
  /** `ELF`, `MACH` or `PE`. */
  readonly format: string;
  /** `linux`, `darwin`, `windows`, `android`. */
  readonly os: string;
  /** As Go names them: `amd64`, `arm64`, `arm`, `386`, `riscv64`. */
  readonly arch: string;
  /** `glibc` or `musl` and its version; absent when there is none or it is not known. */
  readonly libc?: Libc | undefined;
  readonly libraries: readonly Library[];
}

export interface Libc {
  readonly family: string;
  /** `2.36`; may be empty. */
  readonly version: string;
}

export interface Library {
  /** Without `lib` in front: `ssl`. */
  readonly name: string;
  /** What follows `.so.` in its file name: `3`, `1.2.13`; may be empty. */
  readonly version: string;
}

/** A label for a kind of node. */
export interface Profile {
  readonly label: string;
  /** For people. */
  readonly description?: string | undefined;
  readonly needs: Specification;
}

/** Whether something runs here, and what matched or is missing. */
export interface Runnability {
  readonly runnable: boolean;
  readonly reason: string;
}
