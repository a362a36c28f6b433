export {
  type Address,
  checkSocketPath,
  formatAddress,
  isLoopback,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
export { durationMessage, durationMs } from "./duration.ts";
export { envelopeFromMessage, envelopeMessage, packageMessages, packagesFromMessages } from "./envelope-message.ts";
export {
  decodeStatus,
  ERROR_DOMAIN,
  encodeStatus,
  errorFromStatus,
  statusFromError,
  type WireStatus,
} from "./status.ts";
