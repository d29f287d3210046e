import type { LifeOutcome } from '../../handoff/workload.ts';
import type { LifeEnd } from '../../model/operation.ts';
import type { LifeHooks } from '../../worker/context.ts';
import type { LifeSpec } from '../../worker/life-spec.ts';

/** The fleet's side of a life, which knows at once whether Airflow has revoked the workload. */
export interface FleetHooks extends LifeHooks {
  isRevoked(): boolean;
  /** Called before `onStarted` of a real worker. */
  onRealWorker(worker: RealWorker): void;
  /** The executor does not report the end of this life by itself: where lives wait for cues. False: it knew that. */
  withholdNews(): boolean;
  /** The executor reports the end of the workload, whatever its life does: only where lives wait for cues. */
  reportEnd(outcome: LifeOutcome): void;
  /** Called when a real worker has ended by itself. */
  onSupervisorEnd(raised: boolean): void;
}

/** A worker that is a process of its own. */
export interface RealWorker {
  /** Of the process of its task. */
  readonly pid: number;
  /** The file with what it prints, in the run folder. */
  readonly log: string;
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
