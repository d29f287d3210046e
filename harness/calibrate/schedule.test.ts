import { describe, expect, test } from 'vitest';

import type { Planted } from '../model/calibration.ts';
import { type Job, schedule } from './schedule.ts';

const planted = (name: string, scenario = 'seeds', durationS?: number): Planted => ({
  name,
  kind: 'defect',
  race: null,
  summary: name,
  caughtBy: ['no-deadlocks'],
  scenario,
  ...(durationS === undefined ? {} : { durationS }),
});

const three = [planted('a'), planted('b', 'storm'), planted('c', 'seeds', 45)];

function plan(over: Partial<Parameters<typeof schedule>[0]> = {}): Job[] {
  return schedule({
    planted: three,
    runs: 4,
    clean: undefined,
    durationS: 30,
    seed: 100,
    faults: null,
    schedulersOf: () => 2,
    ...over,
  });
}

const names = (jobs: readonly Job[]) => jobs.map((job) => job.planted?.name ?? 'clean');

describe('the order of a calibration', () => {
  test('each round has every defect once, the next begins with another, and clean runs lie between', () => {
    expect(names(plan()).join(' ')).toBe('a b clean c b clean c a clean c a clean b a clean b c clean');
  });

  test('with --faults clean runs are exploratory; a defect that needs a fault has it without --faults', () => {
    const calm = plan({ planted: [planted('a'), { ...planted('b'), faults: 'kill' }] });
    const faultsOf = (name: string) => new Set(calm.filter((job) => names([job])[0] === name).map((job) => job.faults));
    expect([faultsOf('a'), faultsOf('b'), faultsOf('clean')]).toEqual([
      new Set([null]),
      new Set(['kill']),
      new Set([null]),
    ]);
    const troubled = plan({ faults: 'all' });
    expect(new Set(troubled.map(({ faults }) => faults))).toEqual(new Set(['all']));
    expect(new Set(troubled.filter((job) => job.planted === null).map(({ scenario }) => scenario))).toEqual(
      new Set(['exploratory']),
    );
  });

  test('no two runs share a seed, and the same command repeats the same plans', () => {
    const seeds = plan().map(({ seed }) => seed);
    expect(new Set(seeds).size).toBe(18);
    expect(plan()).toEqual(plan());
  });

  test('clean runs take the scenarios as often as the defects do, with 1, 2 and 3 schedulers in turn', () => {
    const clean = plan({ runs: 12 }).filter((job) => job.planted === null);
    expect(clean).toHaveLength(18);
    expect(clean.filter(({ scenario }) => scenario === 'storm')).toHaveLength(6);
    for (const scenario of ['seeds', 'storm']) {
      const counts = clean.filter((job) => job.scenario === scenario).map(({ schedulers }) => schedulers);
      expect([1, 2, 3].map((n) => counts.filter((one) => one === n).length)).toEqual(
        scenario === 'seeds' ? [4, 4, 4] : [2, 2, 2],
      );
    }
  });

  test('a defect that needs a longer load has it', () => {
    expect(new Set(plan().map((job) => `${job.planted?.name} ${job.durationS}`))).toEqual(
      new Set(['a 30', 'b 30', 'c 45', 'undefined 30']),
    );
  });

  test('as many clean runs as requested, including none, and clean runs only', () => {
    expect(names(plan({ clean: 0 }))).not.toContain('clean');
    expect(names(plan({ clean: 7 })).filter((name) => name === 'clean')).toHaveLength(7);
    expect(names(plan({ runs: 0, clean: 50 }))).toEqual(Array.from({ length: 50 }, () => 'clean'));
  });
});
