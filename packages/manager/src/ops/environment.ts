import { formatName } from "@nodemanager/core";
import type { InstallationRecord, InstanceRecord, VersionRecord } from "@nodemanager/layout";

/** Where programs that an application calls are looked for. */
const BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The whole environment of an instance: the base below, then the envelope's, then the installation's. Nothing of the
 * manager's own environment gets in.
 *
 * | variable | value |
 * |---|---|
 * | `PATH` | the usual system directories |
 * | `HOME`, `TMPDIR`, `PWD` | its workspace, which is also its working directory |
 * | `LANG` | `C.UTF-8` |
 * | `USER`, `LOGNAME` | the name of the account it runs under, if that has one |
 * | `NODED_INSTANCE` | its full name |
 * | `NODED_VERSION` | the version it runs |
 * | `NODED_LOGS_DIR` | where its `stdout` and `stderr` go; it may write more there |
 * | `NODED_PACKAGES_DIR` | its packages, when it has any |
 */
export function instanceEnvironment(
  record: InstanceRecord,
  { envelope, packagesDir }: Pick<VersionRecord, "envelope" | "packagesDir">,
  installation: InstallationRecord,
): Record<string, string> {
  const { account } = installation;
  return {
    PATH: BASE_PATH,
    HOME: record.rootDir,
    TMPDIR: record.rootDir,
    PWD: record.rootDir,
    LANG: "C.UTF-8",
    ...(account?.kind === "named" ? { USER: account.name, LOGNAME: account.name } : {}),
    ...envelope.env,
    ...installation.env,
    NODED_INSTANCE: formatName(record.name),
    NODED_VERSION: envelope.version,
    NODED_LOGS_DIR: record.logsDir,
    ...(packagesDir !== undefined && { NODED_PACKAGES_DIR: packagesDir }),
  };
}
