// Where the program in one file begins. Its first line can pass no flags to Node, so those that a running Node still takes
// are set here, before any code that they are about is compiled; docs/packaging.md has what they save.
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--no-opt");
setFlagsFromString("--no-maglev");
await import("./main.ts");
