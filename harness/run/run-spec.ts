import type { Stage } from '../director/stage.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import type { Judgement } from '../model/verdict.ts';
import type { Dags } from '../stacks/dag-folder.ts';
import type { EngineChoice } from './engine.ts';
import type { AgainstKnown } from './judge-folder.ts';
import type { Subject } from './subject.ts';

/** The stack of a soak or an upgrade, on which one run after another is a window. */
export interface SharedStack {
  readonly stack: Stack;
  /** How long lives under way may take to end when the load has ended, milliseconds. */
  readonly settleMs: number;
  /** Absent: each window has DAGs of its own, which end with it. */
  readonly carried?: CarriedWork;
}

/** DAGs with runs that continue in the next window, as in an upgrade. */
export interface CarriedWork {
  readonly dags: Dags;
  /** Whether there was a window before. */
  readonly continues: boolean;
  /** Whether the DAGs were paused when the window before ended, so that this one has to unpause them. */
  readonly isPaused: boolean;
  /**
   * Ends the processes that queue tasks, in place of pausing the DAGs at the end of the load; `hold` says that a
   * process is ended on purpose. Absent: the DAGs are paused.
   */
  stopWork?(hold: (process: string) => void): Promise<void>;
  /** Called when commits are recorded from now on. */
  onRecording?(): void;
  /** Done beside the load, until `signal` says that it has ended. */
  duringLoad?(signal: AbortSignal): Promise<void>;
}

export interface RunSpec {
  readonly subject: Subject;
  readonly plan: Plan;
  /** The run folder; by default one below `runs/`. */
  readonly out: string | undefined;
  /** The command that repeats the run, for the manifest. */
  readonly repeat: string;
  readonly progress: RunProgress;
  /** Aborted: the load ends early, and what was recorded until then is judged. */
  readonly signal: AbortSignal;
  /** Whether every statement of the stack's processes is recorded. */
  readonly trace?: boolean | undefined;
  /** Absent: this process plays the lives. */
  readonly engine?: EngineChoice | undefined;
  /** The user's own invariants, judged beside those that ship. */
  readonly own?: readonly InvariantFile[];
  /** Compares the verdict with known findings; absent without any. */
  readonly against?: AgainstKnown | undefined;
  /** What is put into the folder that the dag-processor reads, in place of the DAG factory. */
  readonly dags?: ((folder: string) => Dags) | undefined;
  /** The load is a script, and ends with it: lives then wait for its cues. */
  readonly script?: ((stage: Stage) => Promise<void>) | undefined;
  /** A stack that is up already and stays up: this run is a window of a soak or an upgrade. */
  readonly shared?: SharedStack;
}

export interface RecordedRun {
  readonly folder: string;
  /** Why the load did not last as long as planned, or undefined; the record until then can be judged. */
  readonly failure?: unknown;
}

export interface JudgedRun extends RecordedRun {
  readonly judgement: Judgement;
}
