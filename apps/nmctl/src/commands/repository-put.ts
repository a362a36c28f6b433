import { Package, Progress } from "@nodemanager/proto/v1";
import { uploadPackage } from "@nodemanager/repository";
import { packageMessages } from "@nodemanager/transport";
import type { Invocation } from "../command.ts";
import { openRepositoryOf, parseLocalRepository } from "../connection/open-repository.ts";
import { packageFile } from "../grammar/package-file.ts";
import { formatPackageReference } from "../grammar/package-reference.ts";
import { usageError } from "../grammar/usage-error.ts";
import { document, type Output } from "../output.ts";
import { ProgressReport } from "../render/progress.ts";

/** `repository put`. */
export async function repositoryPut({ args, terminal, io, signal }: Invocation): Promise<Output> {
  const address = args.text("to");
  if (address === undefined) {
    throw usageError("repository put needs --to");
  }
  const progress = new ProgressReport(terminal, io.now);
  await using to = await openRepositoryOf(parseLocalRepository(address), args, io);
  const ref = await uploadPackage(to.binaries, packageFile(args.operand), {
    signal,
    onProgress: (done, goal) =>
      progress.show(
        args.operand,
        Progress.create({ phase: "publishing", done: BigInt(done), goal: BigInt(goal), unit: "bytes" }),
      ),
  });
  progress.end(args.operand);
  const reference = formatPackageReference(ref);
  const { message } = packageMessages({ message: ref });
  return document({
    name: reference,
    json: () => ({ reference, package: message && Package.toJSON(message) }),
    text: () => reference,
  });
}
