/** Which engine plays the workers, as the command line has it and a soak keeps it; empty: the native one. */
export interface EngineFlags {
  readonly engine?: string | undefined;
  readonly vus?: number | undefined;
  readonly k6Processes?: number | undefined;
  readonly workerListen?: string | undefined;
}
