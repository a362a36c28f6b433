// Turns the descriptor set into a module, so that reflection works in a program of one file.
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const binary = "src/gen/descriptors.binpb";
const base64 = readFileSync(binary).toString("base64");
writeFileSync(
  "src/gen/descriptors.ts",
  `/** The serialised \`google.protobuf.FileDescriptorSet\` of every service here, in base64. */\nexport const fileDescriptorSet: string =\n  "${base64}";\n`,
);
rmSync(binary);
