import { NodeError } from "@nodemanager/core";
import { ApplicationRepositoryServiceDefinition } from "@nodemanager/proto/v1";
import { envelopeFromMessage, envelopeMessage } from "@nodemanager/transport";
import type { Connection } from "@nodemanager/transport/client";
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

  /** @param address - for messages */
  constructor(connection: Connection, address: string) {
    this.#client = connection.client(ApplicationRepositoryServiceDefinition);
    this.#address = address;
  }

  async match(application: string, options: MatchOptions): Promise<Match> {
    const { profiles, version } = options;
    const { envelope, profile } = await answerInTime(options, (o) =>
      this.#client.match({ application, profiles: [...profiles], version: version ?? "" }, o),
    );
    if (!envelope || !profiles.includes(profile)) {
      throw new NodeError("INVALID_ENVELOPE", `${this.#address} answered without an envelope for ${application}`);
    }
    return { envelope: envelopeFromMessage(envelope, this.#address), profile };
  }

  async put(application: string, options: PutOptions): Promise<void> {
    const { profiles, envelope } = options;
    await answerInTime(options, (o) =>
      this.#client.put({ application, profiles: [...profiles], envelope: envelopeMessage(envelope) }, o),
    );
  }

  async remove(application: string, options: RemoveOptions = {}): Promise<number> {
    const { version = "", profile = "" } = options;
    const { removed } = await answerInTime(options, (o) => this.#client.remove({ application, version, profile }, o));
    return removed;
  }

  async profiles(application: string, options: ProfilesOptions = {}): Promise<readonly string[]> {
    const { version = "" } = options;
    const { profiles } = await answerInTime(options, (o) => this.#client.profiles({ application, version }, o));
    return profiles;
  }

  async list(options: CallOptions = {}): Promise<readonly Release[]> {
    const { releases } = await answerInTime(options, (o) => this.#client.list({}, o));
    return releases;
  }
}
