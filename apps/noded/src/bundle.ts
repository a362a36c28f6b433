// Where the program in one file begins. Its first line can pass no flags to Node, so those that a running Node still takes
// are set here, before any code that they are about is compiled; docs/packaging.md has what they save.
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--no-opt");
setFlagsFromString("--no-maglev");

// What is experimental in Node is used with a fallback, and a sentence about it at every start would be no line of JSON.
const printers = process.listeners("warning");
process.removeAllListeners("warning").on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") {
    for (const print of printers) {
      print(warning);
    }
  }
});

await import("./main.ts");
