export {
  type Address,
  checkSocketPath,
  formatAddress,
  isLoopback,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
export {
  decodeStatus,
  ERROR_DOMAIN,
  encodeStatus,
  errorFromStatus,
  statusFromError,
  type WireStatus,
} from "./status.ts";
