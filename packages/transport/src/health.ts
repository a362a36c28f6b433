import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServiceImplementation,
  HealthCheckResponse_ServingStatus as Serving,
} from "@nodemanager/proto";
import { type CallContext, ServerError } from "nice-grpc";
import { CODES } from "./code.ts";

/**
 * The standard health service. Every known service, and the server as a whole under the empty name, is serving or not
 * together.
 */
export class Health implements HealthServiceImplementation {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<(value: unknown) => void>();
  #serving = true;
  #closed = false;

  constructor(services: Iterable<string>) {
    this.#services = new Set(["", ...services]);
  }

  setServing(serving: boolean): void {
    this.#serving = serving;
    this.#wake();
  }

  /** Says that nothing is served any more, and ends every `Watch`, so that they hold up no shutdown. */
  close(): void {
    this.#serving = false;
    this.#closed = true;
    this.#wake();
  }

  /** @throws ServerError NOT_FOUND for an unknown service, as the protocol says */
  async check(request: HealthCheckRequest): Promise<HealthCheckResponse> {
    const status = this.#statusOf(request.service);
    if (status === Serving.SERVICE_UNKNOWN) {
      throw new ServerError(CODES.NOT_FOUND, `there is no service ${JSON.stringify(request.service)}`);
    }
    return { status };
  }

  async *watch(request: HealthCheckRequest, context: CallContext): AsyncGenerator<HealthCheckResponse, void> {
    let sent: Serving | undefined;
    for (;;) {
      const status = this.#statusOf(request.service);
      if (status !== sent) {
        sent = status;
        yield { status };
      } else if (this.#closed || context.signal.aborted) {
        return;
      } else {
        await this.#change(context.signal);
      }
    }
  }

  #statusOf(service: string): Serving {
    if (!this.#services.has(service)) {
      return Serving.SERVICE_UNKNOWN;
    }
    return this.#serving ? Serving.SERVING : Serving.NOT_SERVING;
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#watchers.add(resolve);
    signal.addEventListener("abort", resolve, { once: true });
    await promise;
    signal.removeEventListener("abort", resolve);
    this.#watchers.delete(resolve);
  }

  #wake(): void {
    for (const wake of this.#watchers) {
      wake(undefined);
    }
  }
}
