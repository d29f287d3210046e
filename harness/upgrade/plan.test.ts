import { expect, test } from 'vitest';

import { scenario as storm } from '../../workloads/scenarios/storm.ts';
import { subjectOf } from '../run/subject.ts';
import { phasePlan } from './plan.ts';

const subject = subjectOf({ build: 'reference' });
const plan = { seed: 7, scenario: storm };

test('a phase has a seed of its own, and in the wave no DAG file is written', () => {
  const [before, wave, ordinary] = (['before', 'wave', 'ordinary'] as const).map((name) =>
    phasePlan(plan, name, 45, subject),
  );
  expect(new Set([before?.seed, wave?.seed, ordinary?.seed]).size).toBe(3);
  expect(before?.scenario).toEqual(storm);
  expect(wave?.scenario).toMatchObject({ duration_s: 45 });
  expect(wave?.scenario.churn).toBeUndefined();
  expect(ordinary?.scenario).toMatchObject({ duration_s: storm.duration_s, churn: storm.churn });
  // Dates of the past had their runs in the first phase.
  expect(storm.dags.some(({ past_runs }) => past_runs > 0)).toBe(true);
  for (const later of [wave, ordinary])
    expect(later?.scenario.dags.every(({ past_runs }) => past_runs === 0)).toBe(true);
});
