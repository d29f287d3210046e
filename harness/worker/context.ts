import type { Clock } from '../model/clock.ts';
import type { Rng } from '../model/rng.ts';
import type { Over } from './cancel.ts';
import type { LifeHazards } from './hazards.ts';
import type { Birth } from './life-spec.ts';
import type { Requests } from './requests.ts';

/** All that a life has to do with. */
export interface LifeContext {
  readonly birth: Birth;
  readonly requests: Requests;
  readonly clock: Clock;
  readonly rng: Rng;
  /** What open windows do to it. */
  readonly hazards: LifeHazards;
  readonly hooks: Hooks;
}

/** What whoever has handed a life over knows of it, and has to hear of it. */
export interface Hooks {
  /** Whether Airflow has taken the workload back from its queue. */
  isRevoked(): boolean | Promise<boolean>;
  /** Called once, when `/run` was accepted, `atMs` on the run's clock. */
  onStarted(atMs: number): void;
  /** Called before it asks to be deferred: from then on the task may be handed to another life. */
  onLeaving(): void | Promise<void>;
  /** The run is over: the life ends where it is. */
  readonly over: Over;
}
