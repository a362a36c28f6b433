// What others defined and we speak: the error model of google.rpc, health checking, server reflection.
export { Any } from "./gen/google/protobuf/any.ts";
export { Duration } from "./gen/google/protobuf/duration.ts";
export { ErrorInfo, RetryInfo } from "./gen/google/rpc/error_details.ts";
export { Status } from "./gen/google/rpc/status.ts";
export {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  type HealthClient,
  HealthDefinition,
  type HealthServiceImplementation,
} from "./gen/grpc/health/v1/health.ts";
export {
  ServerReflectionDefinition,
  ServerReflectionRequest,
  ServerReflectionResponse,
  type ServerReflectionServiceImplementation,
} from "./gen/grpc/reflection/v1/reflection.ts";
export { ServerReflectionDefinition as ServerReflectionV1AlphaDefinition } from "./gen/grpc/reflection/v1alpha/reflection.ts";
