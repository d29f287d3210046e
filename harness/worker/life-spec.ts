import type { Workload } from '../handoff/workload.ts';
import { Rng } from '../model/rng.ts';
import type { FleetSpec, TaskSpec } from '../model/scenario.ts';
import type { WorkerClient } from './client.ts';
import type { LifeHazards } from './hazards.ts';
import type { OperationSubject } from './requests.ts';

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
  readonly client: WorkerClient;
  /** Of a branch: the tasks after it that it does not skip. */
  readonly follows: readonly string[];
  /** Assets of which its success makes an event each, as Airflow knows them. */
  readonly outlets: readonly string[];
  /** The DAG of which it triggers a run, as Airflow knows it. */
  readonly triggers: string | null;
  /** When the scheduler handed the workload over, on the run's clock. */
  readonly handedMs: number;
  readonly seed: number;
  /** Names its generators, in whatever order lives arrive: the task instance, and how often it had come before. */
  readonly name: string;
  readonly turn: number;
}

/** Whom its requests are of. */
export function subjectOfLife({ life, worker, workload: { ti } }: LifeSpec): OperationSubject {
  return {
    actor: 'life',
    life,
    worker,
    dag_id: ti.dag_id,
    run_id: ti.run_id,
    task_id: ti.task_id,
    map_index: ti.map_index,
    try_number: ti.try_number,
    ti_id: ti.id,
  };
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

/** On an idle machine (test/fidelity); 3.2 takes up to 3.5 s. */
const PARSE_MS: readonly [number, number] = [300, 1_500];

/** What a life will do, drawn before it starts, so that the server's answers do not change what is drawn. */
export interface LifePlan {
  readonly pickupMs: number;
  readonly durationMs: number;
  readonly rtif: boolean;
  readonly rtifTwice: boolean;
  readonly xcom: boolean;
  readonly lostAnswer: boolean;
  readonly fails: boolean;
  readonly silentDeath: boolean;
  readonly neverStarts: boolean;
  readonly defers: boolean;
  readonly reschedules: boolean;
  /** From its start to its rendered fields: its DAG is read and parsed first. */
  readonly parseMs: number;
  /** A SIGTERM ends its work with an error, as that of Bash; Python works on. */
  readonly endsOnSigterm: boolean;
  /** The share of its work that is done when an impostor comes; null: none comes. */
  readonly impostorAt: number | null;
}

export function drawLifePlan({ task, fleet }: LifeSpec, rng: Rng, hazards: LifeHazards): LifePlan {
  const habits = { ...fleet.habits, ...task.habits };
  const drawn = {
    durationMs: rng.between(...task.duration_ms),
    rtif: rng.chance(habits.rtif),
    rtifTwice: rng.chance(habits.rtif_twice),
    xcom: rng.chance(habits.xcom),
    lostAnswer: rng.chance(habits.lost_answer),
    fails: rng.chance(habits.fails),
    silentDeath: rng.chance(habits.silent_death),
    defers: rng.chance(habits.defers),
    // Last, so that a seed gives the lives that it gave before there were impostors.
    impostorAt: rng.chance(habits.impostor) ? rng.between(0.2, 0.8) : null,
    pickupMs: task.pickup_ms ? rng.between(...task.pickup_ms) : 0,
    neverStarts: rng.chance(habits.never_starts ?? 0),
    parseMs: rng.between(...(fleet.parse_ms ?? PARSE_MS)),
    endsOnSigterm: rng.chance(habits.ends_on_sigterm ?? 0.5),
    reschedules: rng.chance(habits.reschedules ?? 0),
  };
  return {
    ...drawn,
    impostorAt: drawn.impostorAt ?? (hazards.hit('impostor') ? 0.5 : null),
    pickupMs: drawn.pickupMs + (hazards.hit('late_start')?.ms ?? 0),
  };
}
