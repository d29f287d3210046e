import type { FleetDisturbance } from '../model/misbehaviour.ts';
import type { LifeEnd } from '../model/operation.ts';
import type { FleetSpec } from '../model/scenario.ts';
import type { SharedClock } from '../run-folder/clock.ts';
import type { Struck } from '../worker/hazards.ts';
import type { Birth } from '../worker/life-spec.ts';
import type { ConnectionUse } from './engines/engine.ts';

/** What a thread is started with. */
export interface ThreadStart {
  readonly fleet: FleetSpec;
  readonly executionUrls: readonly string[];
  readonly clock: SharedClock;
  readonly correlation: string;
  /** Its operations get the numbers `first`, `first + step`, …: no two threads give the same. */
  readonly first: number;
  readonly step: number;
}

export type ToThread =
  | { readonly say: 'play'; readonly birth: Birth }
  | { readonly say: 'over' | 'revoked' | 'left'; readonly life: number }
  | { readonly say: 'disturb'; readonly window: number; readonly disturbance: FleetDisturbance }
  | { readonly say: 'heal'; readonly window: number }
  | { readonly say: 'close' };

export type FromThread =
  | { readonly say: 'started'; readonly life: number; readonly atMs: number }
  /** Waits for `left`. */
  | { readonly say: 'leaving'; readonly life: number }
  | { readonly say: 'disturbed'; readonly window: number }
  | { readonly say: 'healed'; readonly window: number; readonly struck: Struck }
  | ({ readonly say: 'batch' } & Batch);

/** What has come together in some milliseconds. */
export interface Batch {
  /** Rows of `operations` as lines of JSON; empty: none. */
  readonly lines: string;
  /** Lives whose last operation is in these or earlier lines. */
  readonly ends: readonly (readonly [life: number, end: LifeEnd | { readonly failed: string }])[];
  readonly sent: number;
  readonly ended: number;
  readonly http409: number;
  readonly http5xx: number;
  /** From the intended start of each that ended, milliseconds. */
  readonly latencies: readonly number[];
  readonly lastFailure: string | undefined;
  readonly connections: ConnectionUse;
  /** Longest pause of its event loop since the last batch, milliseconds. */
  readonly loopDelayMs: number;
}
