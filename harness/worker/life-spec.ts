import type { Workload } from '../handoff/workload.ts';
import { Rng } from '../model/rng.ts';
import type { FleetSpec, TaskSpec } from '../model/scenario.ts';

/** A life as data: played in this process or in another, it is the same life. */
export interface LifeSpec {
  readonly life: number;
  /** The life that plays the same workload, where a queue delivered it twice. */
  readonly duplicateOf: number | null;
  readonly worker: string;
  readonly pid: number;
  readonly workload: Workload;
  readonly task: TaskSpec;
  readonly fleet: FleetSpec;
  /** When the scheduler handed the workload over, on the run's clock. */
  readonly handedMs: number;
  readonly seed: number;
  /** Names its generators, in whatever order lives arrive: the task instance, and how often it had come before. */
  readonly name: string;
  readonly turn: number;
}

/** One generator for what a life does, one for what open windows do to it: a window changes nothing else. */
export function generatorsOf({ seed, name, turn, duplicateOf }: LifeSpec): {
  readonly own: Rng;
  readonly hazards: Rng;
} {
  const copy = duplicateOf !== null;
  return {
    own: new Rng(seed, copy ? 'copy' : 'life', name, turn),
    hazards: new Rng(seed, copy ? 'disturbed copy' : 'disturbed', name, turn),
  };
}
