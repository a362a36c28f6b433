import { NodeError } from "@nodemanager/core";
import { ApplicationRepositoryServiceDefinition } from "@nodemanager/proto/v1";
import { envelopeFromMessage, envelopeMessage } from "@nodemanager/transport";
import type { Connection } from "@nodemanager/transport/client";
import { checkSize } from "../envelope-size.ts";
import type {
  ApplicationRepository,
  CallOptions,
  Match,
  MatchOptions,
  ProfilesOptions,
  PutOptions,
  Release,
  RemoveOptions,
} from "../repository.ts";
import { answerInTime } from "./answer-in-time.ts";

/** A client of `ApplicationRepositoryService`. */
export class GrpcApplications implements ApplicationRepository {
  readonly #client;
  readonly #address: string;
  readonly #timeoutMs: number;

  /** @param options.address - for messages */
  constructor(connection: Connection, options: { readonly address: string; readonly timeoutMs: number }) {
    this.#client = connection.client(ApplicationRepositoryServiceDefinition);
    this.#address = options.address;
    this.#timeoutMs = options.timeoutMs;
  }

  async match(application: string, options: MatchOptions): Promise<Match> {
    const { profiles, version } = options;
    const { envelope, profile } = await this.#answer(options, (o) =>
      this.#client.match({ application, profiles: [...profiles], version: version ?? "" }, o),
    );
    if (!envelope || !profiles.includes(profile)) {
      throw new NodeError("INVALID_ENVELOPE", `${this.#address} answered without an envelope for ${application}`);
    }
    const decoded = checkSize(envelopeFromMessage(envelope, this.#address), this.#address);
    if (version !== undefined && decoded.version !== version) {
      throw new NodeError("INVALID_ENVELOPE", `${this.#address} answered with ${decoded.version} for ${version}`, {
        metadata: { field: "version" },
      });
    }
    return { envelope: decoded, profile };
  }

  async put(application: string, options: PutOptions): Promise<void> {
    const { profiles, envelope } = options;
    await this.#answer(options, (o) =>
      this.#client.put({ application, profiles: [...profiles], envelope: envelopeMessage(envelope) }, o),
    );
  }

  async remove(application: string, options: RemoveOptions = {}): Promise<number> {
    const { version = "", profile = "" } = options;
    const { removed } = await this.#answer(options, (o) => this.#client.remove({ application, version, profile }, o));
    return removed;
  }

  async profiles(application: string, options: ProfilesOptions = {}): Promise<readonly string[]> {
    const { version = "" } = options;
    const { profiles } = await this.#answer(options, (o) => this.#client.profiles({ application, version }, o));
    return profiles;
  }

  async list(options: CallOptions = {}): Promise<readonly Release[]> {
    const { releases } = await this.#answer(options, (o) => this.#client.list({}, o));
    return releases;
  }

  #answer<T>({ signal }: CallOptions, call: Parameters<typeof answerInTime<T>>[1]): Promise<T> {
    return answerInTime({ signal, timeoutMs: this.#timeoutMs }, call);
  }
}
