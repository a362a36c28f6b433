import { hasReason, type InstallationName } from "@nodemanager/core";
import type { BrokenRecord, InstallationRecord } from "./records.ts";

/**
 * Which request made which installation. Read from disk once and then kept: there is one manager a root, so every
 * installation passes through here.
 */
export class RequestIndex {
  readonly #byRequest = new Map<string, InstallationName>();
  #isRead = false;

  /** Notes what a request has just made. */
  add(requestId: string, name: InstallationName): void {
    this.#byRequest.set(requestId, name);
  }

  /** The installation that a request made, if it is still there. */
  async find(
    requestId: string,
    all: () => AsyncIterable<InstallationRecord | BrokenRecord>,
    read: (name: InstallationName) => Promise<InstallationRecord>,
  ): Promise<InstallationRecord | undefined> {
    if (!this.#isRead) {
      for await (const record of all()) {
        if (record.kind === "installation" && record.requestId !== undefined) {
          this.#byRequest.set(record.requestId, record.name);
        }
      }
      this.#isRead = true;
    }
    const name = this.#byRequest.get(requestId);
    try {
      return name && (await read(name));
    } catch (error) {
      if (hasReason(error, "INSTALLATION_NOT_FOUND")) {
        this.#byRequest.delete(requestId);
        return undefined;
      }
      throw error;
    }
  }

  /** Forgets everything, after everything was removed. */
  clear(): void {
    this.#byRequest.clear();
  }
}
