import type { Json } from './observation.ts';

/** Path in a step's observation → what Airflow gives there, and what the reference stack gives. */
export type Seen = Readonly<Record<string, readonly [airflow: Json, reference: Json]>>;

/** A difference that is known and has a reason. All of `seen` must be found in a step, or it is not this one. */
export interface Difference {
  readonly releases: readonly string[];
  /** A dialogue's name; without one the route says which steps are meant, random sequences' too. */
  readonly dialogue?: string;
  readonly step?: string;
  readonly route?: string;
  readonly seen: Seen;
  /** A race: it need not show in every recording. */
  readonly sometimes?: true;
  readonly reason: string;
}

export const DIFFERENCES: readonly Difference[] = [];
