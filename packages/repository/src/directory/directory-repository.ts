import type { Repository } from "../repository.ts";
import { formatRepositoryAddress } from "../repository-address.ts";
import { DirectoryApplications } from "./directory-applications.ts";
import { DirectoryBinaries } from "./directory-binaries.ts";
import { RepositoryDir } from "./repository-dir.ts";

/** The repository in a directory. */
export function directoryRepository(dir: string): Repository {
  const repositoryDir = new RepositoryDir(dir);
  const binaries = new DirectoryBinaries(repositoryDir);
  return {
    address: formatRepositoryAddress({ kind: "file", dir }),
    applications: new DirectoryApplications(repositoryDir, binaries),
    binaries,
    async [Symbol.asyncDispose]() {},
  };
}
