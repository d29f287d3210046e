import { exploratory } from '../../workloads/exploratory.ts';
import type { Planted } from '../model/calibration.ts';

/** A run to make. */
export interface Job {
  readonly build: string;
  /** The defect that is switched on; null for the clean stack. */
  readonly planted: Planted | null;
  readonly scenario: string;
  readonly durationS: number;
  readonly schedulers: number;
  readonly seed: number;
  /** The faults, in the form of `--faults`; null: those of the scenario. */
  readonly faults: string | null;
}

/** With faults, clean runs use this scenario: a clean stack must have no violation under any load. */
const ANY_LOAD = exploratory.name;

export interface ScheduleOptions {
  readonly planted: readonly Planted[];
  /** Of each defect. */
  readonly runs: number;
  /** Clean runs in total; undefined: one for every two runs with a defect. */
  readonly clean: number | undefined;
  readonly durationS: number;
  readonly seed: number;
  readonly faults: string | null;
  /** How many schedulers a scenario asks for. */
  readonly schedulersOf: (scenario: string) => number;
}

/** A false alarm may need several schedulers, or a single one. */
const SCHEDULERS = [1, 2, 3] as const;

/**
 * Every round runs everything once, in an order that turns by one from round to round, with the clean runs spread
 * evenly between: changes over time, such as a busier machine, then affect all alike, and an interrupted calibration
 * has measured everything about equally often.
 */
export function schedule({ planted, runs, clean, durationS, seed, faults, schedulersOf }: ScheduleOptions): Job[] {
  const jobs: Omit<Job, 'seed'>[] = [];
  const total = planted.length * runs;
  const cleanTotal = clean ?? Math.ceil(total / 2);
  const loads = new CleanLoads(planted, durationS, faults);
  let cleanDone = 0;
  for (let round = 0; round < runs; round++) {
    for (const one of turned(planted, round)) {
      jobs.push({
        build: `reference+${one.name}`,
        planted: one,
        scenario: one.scenario,
        durationS: Math.max(durationS, one.durationS ?? 0),
        schedulers: schedulersOf(one.scenario),
        faults: faults ?? one.faults ?? null,
      });
      const done = jobs.length - cleanDone;
      for (; cleanDone < Math.floor((cleanTotal * done) / total); cleanDone++) jobs.push(loads.next());
    }
  }
  for (; cleanDone < cleanTotal; cleanDone++) jobs.push(loads.next());
  // The position gives the seed: no two runs have the same plan, and the same command repeats the same plans.
  return jobs.map((job, place) => ({ ...job, seed: seed + place }));
}

function turned<T>(items: readonly T[], by: number): readonly T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Clean runs under the defects' scenarios, as often as the defects use each, with 1, 2, 3 schedulers in turn. */
class CleanLoads {
  readonly #shares = new Map<string, { readonly share: number; given: number }>();
  readonly #durationS: number;
  readonly #faults: string | null;
  #given = 0;

  constructor(planted: readonly Planted[], durationS: number, faults: string | null) {
    this.#durationS = durationS;
    this.#faults = faults;
    if (faults !== null) this.#shares.set(ANY_LOAD, { share: 1, given: 0 });
    else
      for (const { scenario } of planted) {
        const share = planted.filter((one) => one.scenario === scenario).length / planted.length;
        this.#shares.set(scenario, { share, given: 0 });
      }
  }

  next(): Omit<Job, 'seed'> {
    this.#given++;
    const behind = [...this.#shares].sort(
      ([, a], [, b]) => b.share * this.#given - b.given - (a.share * this.#given - a.given),
    );
    const [scenario, load] = behind[0] ?? ['seeds', { given: 0 }];
    const schedulers = SCHEDULERS[load.given % SCHEDULERS.length] ?? 1;
    load.given++;
    const [durationS, faults] = [this.#durationS, this.#faults];
    return { build: 'reference', planted: null, scenario, durationS, schedulers, faults };
  }
}
