import type { Planted } from '../model/calibration.ts';

/** One run to come. */
export interface Job {
  readonly build: string;
  /** What is switched on, or null for the stack as it should be. */
  readonly planted: Planted | null;
  readonly scenario: string;
  readonly durationS: number;
  readonly schedulers: number;
  readonly seed: number;
  /** What the nemesis breaks meanwhile, as `--faults` has it; null: what the scenario says. */
  readonly faults: string | null;
}

/** Where the nemesis may do what it likes, a clean stack is not accused under any load. */
const ANY_LOAD = 'exploratory';

export interface ScheduleOptions {
  readonly planted: readonly Planted[];
  /** Of each planted thing. */
  readonly runs: number;
  /** Clean runs altogether; undefined: one for every two of a planted thing. */
  readonly clean: number | undefined;
  readonly durationS: number;
  readonly seed: number;
  readonly faults: string | null;
  /** How many schedulers a scenario asks for. */
  readonly schedulersOf: (scenario: string) => number;
}

/** A promise may break only where schedulers meet, or only where one is alone. */
const SCHEDULERS = [1, 2, 3] as const;

/**
 * Every round runs everything once, in an order that turns by one from round to round, with the clean runs spread
 * evenly between: what drifts with time, such as a busy machine, then weighs on all alike, and a calibration that is
 * interrupted has measured everything about equally often.
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
  // The place gives the seed: no two runs play the same, and the same command plays the same again.
  return jobs.map((job, place) => ({ ...job, seed: seed + place }));
}

function turned<T>(items: readonly T[], by: number): readonly T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Clean runs under the scenarios of the planted things, each as often as they use it, with 1, 2, 3 schedulers in turn. */
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
