/**
 * What differs from release to release of Airflow and cannot be read from a running stack. What its database holds is
 * read from the database: `schema.ts`.
 */
export interface AirflowLine {
  /** Of all releases, candidates and betas of it: `3.4`. */
  readonly line: string;
  /** The version of the Execution API that the Task SDK of this line asks for, in `airflow-api-version`. */
  readonly executionApi: string;
}

const FIRST: AirflowLine = { line: '3.1', executionApi: '2025-11-05' };

/** Oldest first. */
export const AIRFLOW_LINES: readonly AirflowLine[] = [
  FIRST,
  { line: '3.2', executionApi: '2026-04-06' },
  { line: '3.3', executionApi: '2026-06-30' },
  { line: '3.4', executionApi: '2026-10-30' },
];

/** The line that the reference stack imitates. */
export const REFERENCE_LINE = '3.3';

/**
 * The releases that windtunnel is run against regularly, each with the day up to which packages are taken (inclusive,
 * UTC): so a release means the same bytes for everyone and the dependencies it was released with. With today's, 3.2.1's
 * API server dies at import.
 */
export const TESTED_RELEASES: Readonly<Record<string, string>> = {
  '3.1.8': '2026-03-20',
  '3.2.0': '2026-04-29',
  '3.2.1': '2026-04-29',
  '3.2.2': '2026-06-10',
  '3.3.2': '2026-09-25',
  '3.4.0b2': '2026-10-21',
};

/**
 * The line of a version as Airflow prints it: `3.4.0b2`, `3.5.0.dev0`. One that is newer than all of these is taken for
 * the newest, and undefined (no version, as of the reference stack) for that which the reference stack imitates.
 */
export function lineOf(version: string | undefined): AirflowLine {
  const wanted = version === undefined ? placeOf(REFERENCE_LINE) : placeOf(version);
  return AIRFLOW_LINES.findLast(({ line }) => placeOf(line) <= wanted) ?? FIRST;
}

/** Whether a version is of a line that is newer than all that are known. */
export function isNewerThanKnown(version: string): boolean {
  return AIRFLOW_LINES.every(({ line }) => placeOf(line) < placeOf(version));
}

/** Whether a version is that release or a later one; betas and candidates count as their release. */
export function isSince(version: string, release: string): boolean {
  const [one, other] = [numbers(version), numbers(release)];
  const place = one.findIndex((number, i) => number !== other[i]);
  return place < 0 || (one[place] ?? 0) > (other[place] ?? 0);
}

/** `3.4.0b2` is taken for `3.4.0`, and `3.4` as well. */
function numbers(version: string): number[] {
  const [major = '', minor = '0', patch = '0'] = version.split('.');
  return [major, minor, patch].map((part) => Number.parseInt(part, 10));
}

function placeOf(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major * 1_000 + minor;
}
