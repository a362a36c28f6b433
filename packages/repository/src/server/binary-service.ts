import { abortable, type BinaryRef, type Clock, NodeError } from "@nodemanager/core";
import type {
  BinaryRepositoryServiceImplementation,
  DeleteRequest,
  DeleteResponse,
  DownloadRequest,
  DownloadResponse,
  StatRequest,
  StatResponse,
  UploadRequest,
  UploadResponse,
} from "@nodemanager/proto/v1";
import { messageChunks } from "../grpc/message-chunks.ts";
import type { BinaryRepository, CallOptions } from "../repository.ts";
import { StallWatch } from "../stall-watch.ts";
import type { TransferTuning } from "../transfer.ts";

/** `BinaryRepositoryService` of any binary repository. */
export class BinaryService implements BinaryRepositoryServiceImplementation {
  readonly #binaries: BinaryRepository;
  readonly #clock: Clock;
  readonly #tuning: TransferTuning;

  constructor(binaries: BinaryRepository, options: { readonly clock: Clock; readonly tuning: TransferTuning }) {
    this.#binaries = binaries;
    this.#clock = options.clock;
    this.#tuning = options.tuning;
  }

  async upload(requests: AsyncIterable<UploadRequest>, { signal }: CallOptions): Promise<UploadResponse> {
    const parts = requests[Symbol.asyncIterator]();
    using watch = new StallWatch({ tuning: this.#tuning, clock: this.#clock, what: "an upload", signal });
    const { ref, offset } = start(await nextPart(parts, watch));
    await this.#binaries.upload(ref, chunks(parts, watch), { offset, signal: watch.signal });
    return { binary: { sha256: ref.sha256, sizeBytes: BigInt(ref.sizeBytes) } };
  }

  async *download(
    { sha256, offsetBytes }: DownloadRequest,
    { signal }: CallOptions,
  ): AsyncGenerator<DownloadResponse, void, undefined> {
    const source = this.#binaries.open(sha256, { offset: toNumber(offsetBytes, "offset_bytes"), signal });
    for await (const chunk of messageChunks(source)) {
      yield { chunk };
    }
  }

  async stat({ sha256 }: StatRequest, { signal }: CallOptions): Promise<StatResponse> {
    const { binary, receivedBytes } = await this.#binaries.stat(sha256, { signal });
    return {
      binary: binary && { sha256: binary.sha256, sizeBytes: BigInt(binary.sizeBytes) },
      receivedBytes: BigInt(receivedBytes),
    };
  }

  async delete({ sha256 }: DeleteRequest, { signal }: CallOptions): Promise<DeleteResponse> {
    await this.#binaries.delete(sha256, { signal });
    return {};
  }
}

type Part = NonNullable<UploadRequest["part"]>;

/** What stalls is broken off, and what it brought until then is kept. */
async function nextPart(parts: AsyncIterator<UploadRequest>, watch: StallWatch): Promise<Part | undefined> {
  watch.waiting();
  const { done, value } = await abortable(parts.next(), watch.signal);
  if (done) {
    watch.got(0);
    return undefined;
  }
  watch.got(value.part?.$case === "chunk" ? value.part.value.length : 0);
  if (!value.part) {
    throw new NodeError("INVALID_ARGUMENT", "a message of an upload has neither start nor chunk");
  }
  return value.part;
}

function start(part: Part | undefined): { readonly ref: BinaryRef; readonly offset: number } {
  if (part?.$case !== "start" || !part.value.binary) {
    throw new NodeError("INVALID_ARGUMENT", "an upload starts with what is uploaded");
  }
  const { binary, offsetBytes } = part.value;
  return {
    ref: { sha256: binary.sha256, sizeBytes: toNumber(binary.sizeBytes, "size_bytes") },
    offset: toNumber(offsetBytes, "offset_bytes"),
  };
}

async function* chunks(
  parts: AsyncIterator<UploadRequest>,
  watch: StallWatch,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let part = await nextPart(parts, watch); part; part = await nextPart(parts, watch)) {
    if (part.$case !== "chunk") {
      throw new NodeError("INVALID_ARGUMENT", "an upload starts once");
    }
    yield part.value;
  }
}

function toNumber(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new NodeError("INVALID_ARGUMENT", `${field} is too large`, { metadata: { field } });
  }
  return Number(value);
}
