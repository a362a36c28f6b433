import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { fileDescriptorSet } from "@nodemanager/proto/descriptors";
import * as v1 from "@nodemanager/proto/v1";
import { expect, test } from "vitest";

const files = fromBinary(FileDescriptorSetSchema, Buffer.from(fileDescriptorSet, "base64")).file;
const described = new Map(
  files.flatMap((file) =>
    file.service.map((service) => [`${file.package}.${service.name}`, service.method.map(({ name }) => name)]),
  ),
);

test("the descriptors have every service, with the methods that the generated definitions have", () => {
  const definitions = [
    v1.NodeServiceDefinition,
    v1.ApplicationServiceDefinition,
    v1.ConfigServiceDefinition,
    v1.AppCycleServiceDefinition,
    v1.ApplicationRepositoryServiceDefinition,
    v1.BinaryRepositoryServiceDefinition,
  ];
  for (const { fullName, methods } of definitions) {
    expect(described.get(fullName)).toEqual(Object.values(methods).map(({ name }) => name));
  }
  expect([...described.keys()].filter((name) => name.startsWith("nodemanager."))).toHaveLength(definitions.length);
});

test("the descriptors have health and both versions of reflection", () => {
  expect([...described.keys()]).toEqual(
    expect.arrayContaining([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]),
  );
});

test("every file that a file imports is there, before it", () => {
  const seen = new Set<string>();
  for (const file of files) {
    expect(file.dependency.filter((dependency) => !seen.has(dependency))).toEqual([]);
    seen.add(file.name);
  }
});
