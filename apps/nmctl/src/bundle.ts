// Where the program in one file begins: beside it there is no place of its own for compiled code.
import { runProgram } from "./program.ts";

await runProgram();
