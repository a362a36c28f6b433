import { spawn } from "node:child_process";
import type { Check } from "./check.ts";

/** A check that is a program: it fails when the program does, and then its output is what was found. */
export function command(name: string, cwd: string, file: string, args: readonly string[]): Check {
  return { name, run: () => findingsOf(cwd, file, args) };
}

/** The output of a program that failed; nothing when it succeeded. */
export async function findingsOf(cwd: string, file: string, args: readonly string[]): Promise<string> {
  const { status, output } = await execute(cwd, file, args);
  return status === "exited with 0" ? "" : `${output}\n${file} ${args.join(" ")} ${status}`;
}

function execute(cwd: string, file: string, args: readonly string[]): Promise<{ status: string; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, env: { ...process.env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", (error) => resolve({ status: `did not start: ${error.message}`, output: "" }));
    child.on("close", (code, signal) => {
      const status = signal === null ? `exited with ${code}` : `was killed by ${signal}`;
      resolve({ status, output: Buffer.concat(chunks).toString() });
    });
  });
}
