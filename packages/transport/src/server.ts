export { checkServable } from "./listen.ts";
export { type RunningServer, type ServeOptions, type ServiceRegistrar, serve } from "./serve.ts";
export type { ServerTlsFiles } from "./tls.ts";
