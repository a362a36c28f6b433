export { type FetchBinaryOptions, fetchBinary } from "./fetch-binary.ts";
export { type OpenRepositoryOptions, openRepository } from "./open-repository.ts";
export { formatOrigin, type Origin, parseOrigin } from "./origin.ts";
export { type ApplicationDescription, type Published, type PublishOptions, publish } from "./publish.ts";
export type {
  ApplicationRepository,
  BinaryRepository,
  BinaryStat,
  BlobSink,
  CallOptions,
  Match,
  MatchOptions,
  OnProgress,
  OpenOptions,
  ProfilesOptions,
  PutOptions,
  Release,
  RemoveOptions,
  Repository,
  UploadOptions,
} from "./repository.ts";
export { formatRepositoryAddress, parseRepositoryAddress, type RepositoryAddress } from "./repository-address.ts";
export { defaultTuning, type TransferTuning } from "./transfer.ts";
export { type UploadBinaryOptions, uploadBinary } from "./upload-binary.ts";
export { type PackageFile, type UploadPackageOptions, uploadPackage } from "./upload-package.ts";
