import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  type ServerReflectionServiceImplementation,
} from "@nodemanager/proto";
import { CODES } from "./code.ts";
import { type FileDescriptor, readFileDescriptors } from "./file-descriptors.ts";

type Answer = Exclude<ServerReflectionResponse["messageResponse"], undefined>;

/**
 * The standard reflection service, v1; v1alpha has the same messages and is served by the same object. Descriptors are
 * decoded when somebody first asks for one.
 */
export class Reflection implements ServerReflectionServiceImplementation {
  readonly #services: readonly string[];
  readonly #load: () => Promise<Uint8Array>;
  #index: Promise<Index> | undefined;

  /** @param load - gives the serialised google.protobuf.FileDescriptorSet of the services */
  constructor(services: Iterable<string>, load: () => Promise<Uint8Array>) {
    this.#services = [...services].sort();
    this.#load = load;
  }

  async *serverReflectionInfo(
    requests: AsyncIterable<ServerReflectionRequest>,
  ): AsyncGenerator<ServerReflectionResponse, void> {
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: await this.#answer(request) };
    }
  }

  async #answer(request: ServerReflectionRequest): Promise<Answer> {
    const asked = request.messageRequest;
    if (asked?.$case === "listServices") {
      const service = this.#services.map((name) => ({ name }));
      return { $case: "listServicesResponse", value: { service } };
    }
    this.#index ??= this.#load().then((set) => indexOf(readFileDescriptors(set)));
    const index = await this.#index;
    switch (asked?.$case) {
      case "fileByFilename":
        return files(index, index.byName.get(asked.value), asked.value);
      case "fileContainingSymbol":
        return files(index, index.bySymbol.get(asked.value.replace(/^\./, "")), asked.value);
      case "allExtensionNumbersOfType":
        // proto3 has extensions of options only, and we define none.
        return index.bySymbol.has(asked.value)
          ? {
              $case: "allExtensionNumbersResponse",
              value: { baseTypeName: asked.value, extensionNumber: [] },
            }
          : failure(CODES.NOT_FOUND, `not found: ${asked.value}`);
      case "fileContainingExtension":
        return failure(CODES.NOT_FOUND, "there are no extensions");
      default:
        return failure(CODES.INVALID_ARGUMENT, "the request asks for nothing");
    }
  }
}

interface Index {
  readonly byName: ReadonlyMap<string, FileDescriptor>;
  readonly bySymbol: ReadonlyMap<string, FileDescriptor>;
}

function indexOf(descriptors: readonly FileDescriptor[]): Index {
  return {
    byName: new Map(descriptors.map((file) => [file.name, file])),
    bySymbol: new Map(descriptors.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const))),
  };
}

/** The file and everything that it needs, itself first. */
function files(index: Index, file: FileDescriptor | undefined, asked: string): Answer {
  if (!file) {
    return failure(CODES.NOT_FOUND, `not found: ${asked}`);
  }
  const found = new Set([file]);
  for (const each of found) {
    for (const dependency of each.dependencies) {
      const next = index.byName.get(dependency);
      if (next) {
        found.add(next);
      }
    }
  }
  const fileDescriptorProto = [...found].map((each) => Buffer.from(each.bytes));
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}

/** The names of the service, in both versions that clients ask for. */
export const REFLECTION_SERVICES: readonly string[] = [
  ServerReflectionDefinition.fullName,
  "grpc.reflection.v1alpha.ServerReflection",
];
