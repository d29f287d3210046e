import type { Habits } from './scenario.ts';

/** What a life does otherwise than it should, each once: words of `Habits` where a scenario may plan the same. */
export type Misbehaviour =
  | keyof Pick<Habits, 'lost_answer' | 'silent_death' | 'impostor'>
  /** Its workload is played by another life, too. */
  | 'duplicate_delivery'
  /** Waits before it starts. */
  | 'late_start'
  /** Waits before it reports its end, and sends no heartbeat until then. */
  | 'late_end'
  /** Hangs between two heartbeats; afterwards it continues as if no time had passed. */
  | 'zombie'
  /** Its machine's clock is wrong. */
  | 'skewed_clock'
  /** All lives at once, at the opening: a heartbeat, or their ends. */
  | 'herd_heartbeat'
  | 'herd_end';

/** How lives behave otherwise while a window is open. */
export interface FleetHazard {
  readonly misbehaviour: Misbehaviour;
  /** How likely each occasion is taken: a start, a request, a heartbeat, as the misbehaviour has it. */
  readonly share: number;
  /** How long it takes, or how far it is off, milliseconds; drawn evenly for each occasion. */
  readonly ms?: readonly [number, number];
}

/** One that is to come, on the run's clock. */
export interface PlannedHazard {
  readonly hazard: FleetHazard;
  readonly opensMs: number;
  readonly closesMs: number;
}

/** What people do while a window is open, over and over. */
export type OperatorAction = 'clear' | 'mark' | 'delete' | 'bulk';

export interface OperatorHazard {
  /** `pause`: all DAGs at once, until the window closes. */
  readonly action: OperatorAction | 'pause';
  readonly every_ms: number;
  /** Names the generator of whom it meets. */
  readonly seed: number;
}

/**
 * What becomes of the executors' news that a life has ended, or of their taking a workload back, while a window is
 * open.
 */
export interface ExecutorHazard {
  readonly how: 'late' | 'doubled' | 'reordered' | 'lost' | 'revoke-slow';
  readonly share: number;
  /** For how long it is held back or takes, or after how long it comes again. */
  readonly ms: readonly [number, number];
  readonly seed: number;
}

/** What of the harness's own load a fault may change. `openWindow` resolves when it is so, with what undoes it. */
export interface HazardTarget<What> {
  /** The undoing may be called twice; it resolves with what the window did, in words. */
  openWindow(what: What): Promise<() => Promise<string>>;
}
