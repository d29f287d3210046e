import type { LifeEnd } from '../../model/operation.ts';
import type { LifeHooks } from '../../worker/context.ts';
import type { LifeSpec } from '../../worker/life-spec.ts';

/** The fleet's side of a life, which knows at once whether Airflow has revoked the workload. */
export interface FleetHooks extends LifeHooks {
  isRevoked(): boolean;
  /** Called before `onStarted` where the worker is a process: its task has this pid. */
  onProcess(pid: number): void;
}

/** The limit on connections, and requests that wait for one. */
export interface ConnectionUse {
  readonly limit: number;
  readonly waiting: number;
}

/** Plays lives. Each request is in the record before `play` resolves. */
export interface Engine {
  play(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd>;
  /** Where the engine knows. */
  readonly connections?: ConnectionUse | undefined;
  /**
   * For an engine that learns of the end of the run with delay: when that will be at the latest, on the run's clock.
   */
  willEndAt?(atMs: number): void;
  /** When all lives have ended. Idempotent. */
  close(): Promise<void>;
}
