import { BinaryRepositoryServiceDefinition, DownloadResponse, UploadRequest } from "@nodemanager/proto/v1";
import { decodeBytesMessage, encodeBytesMessage } from "./bytes-message.ts";

// Fields of `DownloadResponse` and `UploadRequest` in repository_service.proto.
const DOWNLOAD_CHUNK_FIELD = 1;
const UPLOAD_CHUNK_FIELD = 2;

/** What nice-grpc needs of a message; the generated types ask for a whole writer. */
type Codec<Generated, Message> = Omit<Generated, "encode" | "decode"> & {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
};

type Methods = BinaryRepositoryServiceDefinition["methods"];
type BinaryServiceDefinition = Omit<BinaryRepositoryServiceDefinition, "methods"> & {
  readonly methods: Pick<Methods, "stat" | "delete"> & {
    readonly download: Omit<Methods["download"], "responseType"> & {
      readonly responseType: Codec<typeof DownloadResponse, DownloadResponse>;
    };
    readonly upload: Omit<Methods["upload"], "requestType"> & {
      readonly requestType: Codec<typeof UploadRequest, UploadRequest>;
    };
  };
};

const downloadResponse: Codec<typeof DownloadResponse, DownloadResponse> = {
  ...DownloadResponse,
  encode(message) {
    return { finish: () => encodeBytesMessage(DOWNLOAD_CHUNK_FIELD, message.chunk) };
  },
  decode(bytes) {
    const chunk = decodeBytesMessage(DOWNLOAD_CHUNK_FIELD, bytes);
    return chunk ? { chunk } : DownloadResponse.decode(bytes);
  },
};

const uploadRequest: Codec<typeof UploadRequest, UploadRequest> = {
  ...UploadRequest,
  encode(message) {
    const { part } = message;
    return part?.$case === "chunk"
      ? { finish: () => encodeBytesMessage(UPLOAD_CHUNK_FIELD, part.value) }
      : UploadRequest.encode(message);
  },
  decode(bytes) {
    const value = decodeBytesMessage(UPLOAD_CHUNK_FIELD, bytes);
    return value ? { part: { $case: "chunk", value } } : UploadRequest.decode(bytes);
  },
};

const { download, upload, stat, delete: remove } = BinaryRepositoryServiceDefinition.methods;

/**
 * `BinaryRepositoryService` with a codec of its own for chunks: the same bytes on the wire, but the generated one copies each
 * chunk through a buffer of twice its size, and collecting those took more time than everything else.
 */
export const binaryServiceDefinition: BinaryServiceDefinition = {
  ...BinaryRepositoryServiceDefinition,
  methods: {
    stat,
    delete: remove,
    download: { ...download, responseType: downloadResponse },
    upload: { ...upload, requestType: uploadRequest },
  },
};
