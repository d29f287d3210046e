/** Who plays the workers, as it is asked for on the command line and kept with a soak; nothing: the harness itself. */
export interface EngineFlags {
  readonly engine?: string | undefined;
  readonly vus?: number | undefined;
  readonly k6Processes?: number | undefined;
  readonly lendAt?: string | undefined;
}
