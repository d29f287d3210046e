import type { StartedClock } from '../model/clock.ts';
import type { Rng } from '../model/rng.ts';
import type { CancelSignal } from './cancel.ts';
import type { LifeHazards } from './hazards.ts';
import type { LifeSpec } from './life-spec.ts';
import type { Requests } from './requests.ts';

/** All that a life works with. */
export interface LifeContext {
  readonly spec: LifeSpec;
  readonly requests: Requests;
  readonly clock: StartedClock;
  readonly rng: Rng;
  /** The windows of faults that are open, as this life meets them. */
  readonly hazards: LifeHazards;
  readonly hooks: LifeHooks;
}

/** What the owner of a life, who took its workload from a scheduler, knows and needs to know of it. */
export interface LifeHooks {
  /** Whether Airflow has revoked the workload. */
  isRevoked(): boolean | Promise<boolean>;
  /** Called once, when `/run` was accepted, `atMs` on the run's clock. */
  onStarted(atMs: number): void;
  /** Called before the life asks to be deferred: from then on the task may be handed to another life. */
  onLeaving(): void | Promise<void>;
  /** Cancelled when the run ends: the life ends where it is. */
  readonly cancel: CancelSignal;
}
