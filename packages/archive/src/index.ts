export { type ArchiveSummary, checkArchive } from "./check-archive.ts";
export { type ArchiveEntry, type ReadArchiveOptions, readArchive } from "./read-archive.ts";
