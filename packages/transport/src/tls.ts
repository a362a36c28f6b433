import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContext } from "node:tls";
import { ChannelCredentials, type ChannelOptions, ServerCredentials } from "@grpc/grpc-js";
import { isErrno, NodeError } from "@nodemanager/core";

/** What a server with mutual TLS needs: PEM files. */
export interface ServerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Who signs the certificates of those that may call. */
  readonly clientCaFile: string;
}

/** What a client needs to know a server, and to be known by it: PEM files. */
export interface ClientTlsFiles {
  /** Who signs the certificate of the server. */
  readonly caFile: string;
  /** Together with `keyFile`. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const MIN_VERSION = "TLSv1.3";
// A peer that does not finish its handshake holds a descriptor and nothing else, for this long.
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Credentials of a server that speaks TLS 1.3 to holders of a certificate from the client CA and to nobody else.
 *
 * @throws NodeError `INVALID_CONFIG` naming the file
 */
export function serverCredentials(files: ServerTlsFiles): ServerCredentials {
  const cert = readPem(files.certFile, "certificate");
  const key = readPem(files.keyFile, "private key");
  const ca = readPem(files.clientCaFile, "client CA");
  checkPair({ cert, key, ca }, files.certFile, files.keyFile);
  return new MutualTlsCredentials({ cert, key, ca });
}

/**
 * What a client presents and whom it trusts, with the options that a channel to this host needs beside.
 *
 * @throws NodeError `INVALID_CONFIG` naming the file
 */
export function clientCredentials(
  files: ClientTlsFiles,
  host: string,
): { readonly credentials: ChannelCredentials; readonly options: ChannelOptions } {
  const context = clientContext(files);
  if (isIP(host) === 0) {
    return { credentials: ChannelCredentials.createFromSecureContext(context), options: {} };
  }
  // grpc-js 1.14 sends an address as the name of the server, which TLS forbids and Node 26 refuses. So it is given a
  // name that nobody has, and the certificate is checked against the address.
  return {
    credentials: ChannelCredentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    }),
    options: { "grpc.ssl_target_name_override": "address.invalid" },
  };
}

function clientContext(files: ClientTlsFiles): SecureContext {
  const { caFile, certFile, keyFile } = files;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new NodeError("INVALID_CONFIG", "a client certificate needs its private key, and the other way round");
  }
  const ca = readPem(caFile, "CA");
  const cert = certFile === undefined ? undefined : readPem(certFile, "certificate");
  const key = keyFile === undefined ? undefined : readPem(keyFile, "private key");
  return checkPair({ ca, ...(cert && { cert }), ...(key && { key }) }, certFile ?? caFile, keyFile ?? caFile);
}

interface Pems {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** `ServerCredentials.createSsl` has no way to say which versions of TLS are spoken, so this is made by hand. */
class MutualTlsCredentials extends ServerCredentials {
  constructor(pems: Pems) {
    super(
      { requestCert: true, rejectUnauthorized: true, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, minVersion: MIN_VERSION },
      { ...pems, minVersion: MIN_VERSION },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}

function readPem(file: string, what: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    const why = isErrno(error, "ENOENT") ? "there is no such file" : "it cannot be read";
    throw new NodeError("INVALID_CONFIG", `${what} ${file}: ${why}`, { metadata: { file }, cause: error });
  }
  if (!pem.includes("-----BEGIN ")) {
    throw new NodeError("INVALID_CONFIG", `${what} ${file}: it is not in PEM format`, { metadata: { file } });
  }
  return pem;
}

function checkPair(pems: Pems, certFile: string, keyFile: string): SecureContext {
  try {
    return createSecureContext({ ...pems, minVersion: MIN_VERSION });
  } catch (error) {
    throw new NodeError(
      "INVALID_CONFIG",
      `certificate ${certFile} and private key ${keyFile} cannot be used together`,
      {
        metadata: { file: certFile, keyFile },
        cause: error,
      },
    );
  }
}
