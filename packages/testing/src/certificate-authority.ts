import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { bitString, boolean, context, integer, objectId, octetString, sequence, set, utcTime, utf8 } from "./der.ts";

/** A certificate and its private key, as PEM files. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const ECDSA_WITH_SHA256 = sequence(objectId("1.2.840.10045.4.3.2"));
const DAY_MS = 24 * 60 * 60 * 1000;

/** Issues certificates for tests, without any other program. */
export class CertificateAuthority {
  /** Its own certificate, as a PEM file. */
  readonly caFile: string;
  readonly #dir: string;
  readonly #name: string;
  readonly #key: KeyObject;

  private constructor(dir: string, name: string, key: KeyObject) {
    this.#dir = dir;
    this.#name = name;
    this.#key = key;
    this.caFile = join(dir, `${name}.pem`);
  }

  /** Makes a new one whose files are in the directory. */
  static async create(dir: string, name: string = "ca"): Promise<CertificateAuthority> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const authority = new CertificateAuthority(dir, name, privateKey);
    const extensions = [extension("2.5.29.19", sequence(boolean(true)), true)];
    await writeFile(authority.caFile, authority.#certificate(name, privateKey, extensions, validFor(DAY_MS)));
    return authority;
  }

  /**
   * Issues a certificate for clients and servers.
   *
   * @param o.hosts - names and IPv4 addresses that a server with it has
   * @param o.expired - whether it was valid until an hour ago
   */
  async issue(o: { name: string; hosts?: readonly string[]; expired?: boolean }): Promise<CertificateFiles> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const certFile = join(this.#dir, `${o.name}.pem`);
    const keyFile = join(this.#dir, `${o.name}-key.pem`);
    const extensions = o.hosts?.length ? [extension("2.5.29.17", sequence(...o.hosts.map(alternativeName)))] : [];
    const validity = validFor(o.expired ? -60 * 60 * 1000 : DAY_MS);
    await writeFile(certFile, this.#certificate(o.name, privateKey, extensions, validity));
    await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    return { certFile, keyFile };
  }

  #certificate(subject: string, key: KeyObject, extensions: readonly Buffer[], validity: Buffer): string {
    const body = sequence(
      context(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      ECDSA_WITH_SHA256,
      commonName(this.#name),
      validity,
      commonName(subject),
      createPublicKey(key).export({ type: "spki", format: "der" }),
      ...(extensions.length ? [context(3, sequence(...extensions))] : []),
    );
    const der = sequence(body, ECDSA_WITH_SHA256, bitString(sign("sha256", body, this.#key)));
    return new X509Certificate(der).toString();
  }
}

function validFor(ms: number): Buffer {
  const nowMs = Date.now();
  return sequence(utcTime(new Date(nowMs - DAY_MS)), utcTime(new Date(nowMs + ms)));
}

function commonName(name: string): Buffer {
  return sequence(set(sequence(objectId("2.5.4.3"), utf8(name))));
}

function extension(id: string, value: Buffer, critical: boolean = false): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** RFC 5280, GeneralName: dNSName is [2], iPAddress is [7], both implicit. */
function alternativeName(host: string): Buffer {
  const [tag, bytes] = isIPv4(host) ? [0x87, Buffer.from(host.split(".").map(Number))] : [0x82, Buffer.from(host)];
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
}
