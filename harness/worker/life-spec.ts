import type { Workload } from '../handoff/workload.ts';
import { Rng } from '../model/rng.ts';
import type { FleetSpec, TaskSpec } from '../model/scenario.ts';

/** All that makes a life, as data: whoever is given it, in this process or in another, plays the same one. */
export interface Birth {
  readonly life: number;
  /** The life whose workload it plays a second time, as what a queue delivers twice. */
  readonly duplicateOf: number | null;
  readonly worker: string;
  readonly pid: number;
  readonly workload: Workload;
  readonly task: TaskSpec;
  readonly fleet: FleetSpec;
  /** When the scheduler handed it over, on the run's clock. */
  readonly handedMs: number;
  readonly seed: number;
  /** Names its generators, whatever order lives arrive in: the task instance, and how often it had come before. */
  readonly name: string;
  readonly turn: number;
}

/** What a life draws for itself, and what it draws while a window is open: apart, so that a window changes nothing else. */
export function chanceOf({ seed, name, turn, duplicateOf }: Birth): { readonly own: Rng; readonly hazards: Rng } {
  const copy = duplicateOf !== null;
  return {
    own: new Rng(seed, copy ? 'copy' : 'life', name, turn),
    hazards: new Rng(seed, copy ? 'disturbed copy' : 'disturbed', name, turn),
  };
}
