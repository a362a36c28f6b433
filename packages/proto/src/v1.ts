// The package nodemanager.v1.
// Every generated file exports this type; they are the same.

export * from "./gen/nodemanager/v1/app_cycle_service.ts";
export type { ServerStreamingMethodResult } from "./gen/nodemanager/v1/application_service.ts";
export * from "./gen/nodemanager/v1/application_service.ts";
export * from "./gen/nodemanager/v1/config_service.ts";
export * from "./gen/nodemanager/v1/envelope.ts";
export * from "./gen/nodemanager/v1/node_service.ts";
export * from "./gen/nodemanager/v1/object.ts";
export * from "./gen/nodemanager/v1/repository_service.ts";
