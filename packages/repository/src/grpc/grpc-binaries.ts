import { type BinaryRef, throwIfAborted } from "@nodemanager/core";
import type { UploadRequest } from "@nodemanager/proto/v1";
import type { Connection } from "@nodemanager/transport/client";
import type { BinaryRepository, BinaryStat, CallOptions, OpenOptions, UploadOptions } from "../repository.ts";
import { answerInTime } from "./answer-in-time.ts";
import { binaryServiceDefinition } from "./binary-service-definition.ts";
import { messageChunks } from "./message-chunks.ts";

/** A client of `BinaryRepositoryService`. */
export class GrpcBinaries implements BinaryRepository {
  readonly #client;
  readonly #timeoutMs: number;

  constructor(connection: Connection, options: { readonly timeoutMs: number }) {
    this.#client = connection.client(binaryServiceDefinition);
    this.#timeoutMs = options.timeoutMs;
  }

  async stat(sha256: string, options: CallOptions = {}): Promise<BinaryStat> {
    const { binary, receivedBytes } = await this.#answer(options, (o) => this.#client.stat({ sha256 }, o));
    return binary
      ? { binary: { sha256: binary.sha256, sizeBytes: Number(binary.sizeBytes) }, receivedBytes: 0 }
      : { receivedBytes: Number(receivedBytes) };
  }

  async *open(sha256: string, options: OpenOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { offset = 0, signal } = options;
    throwIfAborted(signal);
    const messages = this.#client.download({ sha256, offsetBytes: BigInt(offset) }, signal ? { signal } : {});
    for await (const { chunk } of messages) {
      yield chunk;
    }
  }

  async upload(ref: BinaryRef, chunks: AsyncIterable<Uint8Array>, options: UploadOptions = {}): Promise<void> {
    const { offset = 0, signal } = options;
    throwIfAborted(signal);
    const binary = { sha256: ref.sha256, sizeBytes: BigInt(ref.sizeBytes) };
    // What the source throws would otherwise come back as the error of a call that was cancelled.
    let sourceError: { readonly error: unknown } | undefined;
    async function* messages(): AsyncGenerator<UploadRequest, void, undefined> {
      yield { part: { $case: "start", value: { binary, offsetBytes: BigInt(offset) } } };
      try {
        for await (const chunk of messageChunks(chunks)) {
          yield { part: { $case: "chunk", value: chunk } };
        }
      } catch (error) {
        sourceError = { error };
        throw error;
      }
    }
    try {
      await this.#client.upload(messages(), signal ? { signal } : {});
    } catch (error) {
      throw sourceError ? sourceError.error : error;
    }
  }

  async delete(sha256: string, options: CallOptions = {}): Promise<void> {
    await this.#answer(options, (o) => this.#client.delete({ sha256 }, o));
  }

  #answer<T>({ signal }: CallOptions, call: Parameters<typeof answerInTime<T>>[1]): Promise<T> {
    return answerInTime({ signal, timeoutMs: this.#timeoutMs }, call);
  }
}
