// Two programs in one executable, most of which is Node: the name that it is called by says which. The manager replaces
// itself under names of its own choosing, so it is the one that is meant by any other.
import { basename } from "node:path";

if (basename(process.argv0) === "nmctl") {
  const { runProgram } = await import("@nodemanager/nmctl/program");
  await runProgram();
} else {
  await import("@nodemanager/noded/program");
}
