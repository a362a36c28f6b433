export { fileDescriptorSet } from "./gen/descriptors.ts";
