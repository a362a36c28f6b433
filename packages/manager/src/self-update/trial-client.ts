/** Calls a manager that is on trial. Implemented over gRPC outside this package. */
export interface TrialClient {
  /** @param address - as the candidate named it, `unix:PATH` */
  connect(address: string): TrialConnection;
}

/** Every call fails with a `NodeError`. */
export interface TrialConnection extends Disposable {
  /** Whether it says that it is healthy. */
  isServing(signal: AbortSignal): Promise<boolean>;
  /** Which version it is, and of which root. */
  status(signal: AbortSignal): Promise<{ readonly version: string; readonly root: string }>;
  /** Moves it to its previous version; settles when it has acknowledged that. */
  revert(signal: AbortSignal): Promise<void>;
}
