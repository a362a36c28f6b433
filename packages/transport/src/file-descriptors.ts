import { fields, text } from "./wire.ts";

/** One `.proto` file as reflection serves it. */
export interface FileDescriptor {
  readonly name: string;
  /** The serialised google.protobuf.FileDescriptorProto. */
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
  /** Full names of everything that it defines. */
  readonly symbols: readonly string[];
}

// Numbers of the fields in google/protobuf/descriptor.proto.
const SET = { file: 1 } as const;
const FILE = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6, extension: 7 } as const;
const MESSAGE = { name: 1, field: 2, nested: 3, enum: 4, extension: 6, oneof: 8 } as const;
const ENUM = { name: 1, value: 2 } as const;
const SERVICE = { name: 1, method: 2 } as const;
const NAME = 1;

/** Reads a serialised google.protobuf.FileDescriptorSet as far as reflection needs to know it. */
export function readFileDescriptors(set: Uint8Array): FileDescriptor[] {
  return fields(set)
    .filter((field) => field.number === SET.file)
    .map((field) => readFile(field.bytes));
}

function readFile(bytes: Uint8Array): FileDescriptor {
  let name = "";
  let scope = "";
  const dependencies: string[] = [];
  const all = fields(bytes);
  for (const field of all) {
    if (field.number === FILE.name) {
      name = text(field.bytes);
    } else if (field.number === FILE.package) {
      scope = text(field.bytes);
    } else if (field.number === FILE.dependency) {
      dependencies.push(text(field.bytes));
    }
  }
  const symbols: string[] = [];
  for (const field of all) {
    if (field.number === FILE.message) {
      addMessage(field.bytes, scope, symbols);
    } else if (field.number === FILE.enum) {
      addNamed(field.bytes, scope, ENUM.value, symbols, scope);
    } else if (field.number === FILE.service) {
      addNamed(field.bytes, scope, SERVICE.method, symbols);
    } else if (field.number === FILE.extension) {
      symbols.push(join(scope, nameOf(field.bytes)));
    }
  }
  return { name, bytes, dependencies, symbols };
}

function addMessage(bytes: Uint8Array, scope: string, symbols: string[]): void {
  const full = join(scope, nameOf(bytes));
  symbols.push(full);
  for (const field of fields(bytes)) {
    if (field.number === MESSAGE.nested) {
      addMessage(field.bytes, full, symbols);
    } else if (field.number === MESSAGE.enum) {
      addNamed(field.bytes, full, ENUM.value, symbols, full);
    } else if (field.number === MESSAGE.field || field.number === MESSAGE.oneof || field.number === MESSAGE.extension) {
      symbols.push(join(full, nameOf(field.bytes)));
    }
  }
}

/** A service with its methods, or an enum with its values, which live in the scope around it as in C++. */
function addNamed(bytes: Uint8Array, scope: string, member: number, symbols: string[], memberScope?: string): void {
  const full = join(scope, nameOf(bytes));
  symbols.push(full);
  for (const field of fields(bytes)) {
    if (field.number === member) {
      symbols.push(join(memberScope ?? full, nameOf(field.bytes)));
    }
  }
}

function nameOf(bytes: Uint8Array): string {
  const field = fields(bytes).find((candidate) => candidate.number === NAME);
  return field ? text(field.bytes) : "";
}

function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
