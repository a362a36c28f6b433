import { decodeEnvelope, decodePackages, type Envelope, type PackageRef, type Readiness } from "@nodemanager/core";
import type {
  Envelope as EnvelopeMessage,
  Package as PackageMessage,
  Readiness as ReadinessMessage,
} from "@nodemanager/proto/v1";
import { durationMessage, durationMs } from "./duration.ts";

/** The message that carries an envelope. */
export function envelopeMessage(envelope: Envelope): EnvelopeMessage {
  const { title, version, args, env, binary, command, packages, readiness, stop, soakMs, publisher } = envelope;
  return {
    title,
    version,
    args: [...args],
    env: { ...env },
    binary: binary && { sha256: binary.sha256, sizeBytes: BigInt(binary.sizeBytes) },
    command: command ?? "",
    packages: packageMessages(packages),
    readiness: readinessMessage(readiness),
    stop: { signal: stop.signal, grace: durationMessage(stop.graceMs) },
    soak: durationMessage(soakMs),
    publisher,
  };
}

/** The messages that carry packages. */
export function packageMessages(packages: Readonly<Record<string, PackageRef>>): Record<string, PackageMessage> {
  return Object.fromEntries(
    Object.entries(packages).map(([name, { sha256, sizeBytes, format }]) => [
      name,
      { sha256, sizeBytes: BigInt(sizeBytes), format },
    ]),
  );
}

/**
 * The packages in messages, checked.
 *
 * @throws NodeError `INVALID_ARGUMENT` naming the field
 */
export function packagesFromMessages(
  packages: Readonly<Record<string, PackageMessage>>,
): Readonly<Record<string, PackageRef>> {
  return decodePackages(packageValues(packages));
}

function packageValues(packages: Readonly<Record<string, PackageMessage>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(packages).map(([name, { sha256, sizeBytes, format }]) => [
      name,
      { sha256, sizeBytes: Number(sizeBytes), format },
    ]),
  );
}

/**
 * The envelope in a message, checked as one from a file is, with its defaults filled in.
 *
 * @param source - where it is from, for the message
 * @throws NodeError `INVALID_ENVELOPE` naming the field, `INVALID_TITLE`, `RESERVED_TITLE`, `INVALID_ARGUMENT`
 */
export function envelopeFromMessage(message: EnvelopeMessage, source: string): Envelope {
  const { title, version, args, env, binary, command, packages, readiness, stop, soak, publisher } = message;
  const graceMs = durationMs(stop?.grace, "stop.grace");
  const soakMs = durationMs(soak, "soak");
  return decodeEnvelope(
    {
      title,
      version,
      args,
      env,
      binary: binary && { sha256: binary.sha256, sizeBytes: Number(binary.sizeBytes) },
      ...(command !== "" && { command }),
      packages: packageValues(packages),
      // One of a kind that this program does not know arrives without its kind, and must not pass for `none`.
      ...(readiness && { readiness: readinessValue(readiness) }),
      stop: { ...(stop?.signal && { signal: stop.signal }), ...(graceMs !== undefined && { graceMs }) },
      ...(soakMs !== undefined && { soakMs }),
      publisher,
    },
    source,
  );
}

function readinessMessage(readiness: Readiness): ReadinessMessage {
  const timeout = durationMessage(readiness.timeoutMs);
  switch (readiness.kind) {
    case "none":
      return { kind: { $case: "none", value: { settle: durationMessage(readiness.settleMs) } }, timeout };
    case "tcp":
      return { kind: { $case: "tcp", value: { host: readiness.host, port: readiness.port } }, timeout };
    case "http":
      return { kind: { $case: "http", value: { url: readiness.url } }, timeout };
    case "fd":
    case "handshake":
    case "appcycle":
      return { kind: { $case: readiness.kind, value: {} }, timeout };
  }
}

function readinessValue({ kind, timeout }: ReadinessMessage): Readonly<Record<string, unknown>> {
  const timeoutMs = durationMs(timeout, "readiness.timeout");
  const common = { kind: kind?.$case, ...(timeoutMs !== undefined && { timeoutMs }) };
  switch (kind?.$case) {
    case "none": {
      const settleMs = durationMs(kind.value.settle, "readiness.none.settle");
      return { ...common, ...(settleMs !== undefined && { settleMs }) };
    }
    case "tcp":
      return { ...common, ...(kind.value.host && { host: kind.value.host }), port: kind.value.port };
    case "http":
      return { ...common, url: kind.value.url };
    default:
      return common;
  }
}
