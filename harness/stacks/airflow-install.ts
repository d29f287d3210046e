import { StackError } from '../model/errors.ts';

/** One release of Airflow (or a checkout), installed and ready to be run by as many stacks as like. */
export interface AirflowInstall {
  /** `3.2.1`; for a checkout what its own package says. */
  readonly version: string;
  readonly pythonVersion: string;
  readonly venv: string;
  /** The folder with `airflow` and `python`. */
  readonly bin: string;
  readonly python: string;
  /** sha256 over the sorted list of all installed packages and versions. */
  readonly packagesHash: string;
  /** For PYTHONPATH of every Airflow process: the folder that holds the module `windtunnel_executor`. */
  readonly executorPath: string;
}

export interface InstallOptions {
  log(line: string): void;
  readonly signal: AbortSignal;
}

/**
 * `version` is a release (`3.2.1`) or the path of a source checkout (begins with `.` or `/`). UsageError: no such
 * version. StackError: it cannot be installed here; the message says what to do.
 */
export async function installAirflow(_version: string, _options: InstallOptions): Promise<AirflowInstall> {
  throw new StackError('not built yet');
}
