/** What is said once a run, as soon as the record shows it. */
export type SightingKind = 'deadlock' | '5xx' | 'refused heartbeat' | 'refused fields' | 'early backfill';

/**
 * What the record shows for the first time while the run lasts, in a sentence: a row of the table `sightings`. The
 * verdict confirms it or takes it back. All `_ms` are milliseconds on the run's clock.
 */
export interface Sighting {
  readonly kind: SightingKind;
  /** When it happened. */
  readonly at_ms: number;
  /** When the record showed it. */
  readonly said_ms: number;
  /** A few words, by which it is named when it is taken back: `the refused heartbeat of w-4 for dag/run/task`. */
  readonly name: string;
  readonly sentence: string;
  /** The request that it is about; null if it is about none. */
  readonly op: number | null;
  /** The commit that it is about; null if it is about none. */
  readonly seq: number | null;
}
