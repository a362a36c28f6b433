import { NodeError } from "@nodemanager/core";
import type {
  ApplicationRepositoryServiceImplementation,
  ApplicationRepositoryServiceListResponse,
  MatchRequest,
  MatchResponse,
  ProfilesRequest,
  ProfilesResponse,
  PutRequest,
  PutResponse,
  RemoveRequest,
  RemoveResponse,
} from "@nodemanager/proto/v1";
import { envelopeFromMessage, envelopeMessage } from "@nodemanager/transport";
import type { ApplicationRepository, CallOptions } from "../repository.ts";

/** `ApplicationRepositoryService` of any application repository. */
export class ApplicationService implements ApplicationRepositoryServiceImplementation {
  readonly #applications: ApplicationRepository;

  constructor(applications: ApplicationRepository) {
    this.#applications = applications;
  }

  async match({ application, profiles, version }: MatchRequest, { signal }: CallOptions): Promise<MatchResponse> {
    const match = await this.#applications.match(application, { profiles, version: version || undefined, signal });
    return { envelope: envelopeMessage(match.envelope), profile: match.profile };
  }

  async put({ application, profiles, envelope }: PutRequest, { signal }: CallOptions): Promise<PutResponse> {
    if (!envelope) {
      throw new NodeError("INVALID_ENVELOPE", "there is no envelope in the request", {
        metadata: { field: "envelope" },
      });
    }
    await this.#applications.put(application, {
      profiles,
      envelope: envelopeFromMessage(envelope, "the caller"),
      signal,
    });
    return {};
  }

  async remove({ application, version, profile }: RemoveRequest, { signal }: CallOptions): Promise<RemoveResponse> {
    const options = { version: version || undefined, profile: profile || undefined, signal };
    return { removed: await this.#applications.remove(application, options) };
  }

  async profiles({ application, version }: ProfilesRequest, { signal }: CallOptions): Promise<ProfilesResponse> {
    const profiles = await this.#applications.profiles(application, { version: version || undefined, signal });
    return { profiles: [...profiles] };
  }

  async list(_request: object, { signal }: CallOptions): Promise<ApplicationRepositoryServiceListResponse> {
    const releases = await this.#applications.list({ signal });
    return { releases: releases.map((release) => ({ ...release, profiles: [...release.profiles] })) };
  }
}
