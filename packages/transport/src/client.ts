export type { TimeoutOptions } from "./call-errors.ts";
export { type Connection, type ConnectOptions, connect } from "./connect.ts";
export type { ClientTlsFiles } from "./tls.ts";
