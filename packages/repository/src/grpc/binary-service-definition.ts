import { BinaryRepositoryServiceDefinition, DownloadResponse, UploadRequest } from "@nodemanager/proto/v1";
import { decodeBytesMessage, encodeBytesMessage } from "./bytes-message.ts";

// Fields of `DownloadResponse` and `UploadRequest` in repository_service.proto.
const DOWNLOAD_CHUNK_FIELD = 1;
const UPLOAD_CHUNK_FIELD = 2;

const downloadResponse = {
  ...DownloadResponse,
  encode(message: DownloadResponse): { finish(): Uint8Array } {
    return { finish: () => encodeBytesMessage(DOWNLOAD_CHUNK_FIELD, message.chunk) };
  },
  decode(bytes: Uint8Array): DownloadResponse {
    const chunk = decodeBytesMessage(DOWNLOAD_CHUNK_FIELD, bytes);
    return chunk ? { chunk } : DownloadResponse.decode(bytes);
  },
};

const uploadRequest = {
  ...UploadRequest,
  encode(message: UploadRequest): { finish(): Uint8Array } {
    const { part } = message;
    return part?.$case === "chunk"
      ? { finish: () => encodeBytesMessage(UPLOAD_CHUNK_FIELD, part.value) }
      : UploadRequest.encode(message);
  },
  decode(bytes: Uint8Array): UploadRequest {
    const value = decodeBytesMessage(UPLOAD_CHUNK_FIELD, bytes);
    return value ? { part: { $case: "chunk", value } } : UploadRequest.decode(bytes);
  },
};

const { download, upload, stat, delete: remove } = BinaryRepositoryServiceDefinition.methods;

/**
 * `BinaryRepositoryService` with a codec of its own for chunks: the same bytes on the wire, but the generated one copies each
 * chunk through a buffer of twice its size, and collecting those took more time than everything else.
 */
export const binaryServiceDefinition = {
  ...BinaryRepositoryServiceDefinition,
  methods: {
    stat,
    delete: remove,
    download: { ...download, responseType: downloadResponse },
    upload: { ...upload, requestType: uploadRequest },
  },
};
