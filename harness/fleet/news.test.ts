import { expect, test } from 'vitest';

import { Rng } from '../model/rng.ts';
import { type Ending, newsDelayMs, newsOf } from './news.ts';

const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2', '3.4.0b2'] as const;

type Failed = NonNullable<Ending['failed']>;
const refusedStart = (found_state: string): Failed => ({ kind: 'run', reason: 'invalid_state', found_state });

const ok = Array(5).fill('success');
const no = Array(5).fill('fail');
const nothing = Array(5).fill(null);

// Whether `supervise` of a release returns or raises is in how a life ends: test/fidelity.
test.each<[string, Ending['end'], Failed | undefined, local: unknown[], celery: unknown[]]>([
  ['its end was accepted', 'reported', undefined, ok, ok],
  ['another runs its task', 'refused', refusedStart('running'), no, ['fail', null, null, null, null]],
  ['its task has ended', 'refused', refusedStart('success'), no, no],
  ['its supervisor raised an error', 'raised', undefined, no, no],
  ['the server has taken its task away', 'stopped', undefined, ok, ok],
  ['its end was not accepted, and its supervisor returned', 'gave-up', undefined, ok, ok],
  ['it never started', 'never-started', undefined, no, no],
  ['its machine has gone', 'silent', undefined, nothing, nothing],
  ['Airflow took it back', 'revoked', undefined, nothing, nothing],
])('%s', (_what, how, failed, local, celery) => {
  const ending = { end: how, failed };
  expect(RELEASES.map((release) => newsOf('local', release, ending))).toEqual(local);
  expect(RELEASES.map((release) => newsOf('celery', release, ending))).toEqual(celery);
});

test.each<[Ending['end'], string | null]>([
  ['reported', 'success'],
  ['refused', 'fail'],
  ['stopped', 'fail'],
  ['never-started', 'fail'],
  ['raised', 'fail'],
  ['gave-up', null],
  ['silent', null],
])('calm, %s: %s, whatever the release', (how, news) => {
  for (const release of RELEASES) expect(newsOf('calm', release, { end: how })).toBe(news);
});

test('a release that is not known is taken for the newest', () => {
  const ending = { end: 'refused', failed: refusedStart('running') } as const;
  expect(newsOf('celery', undefined, ending)).toBe(newsOf('celery', '3.5.0', ending));
});

test('news comes within 50 ms, and later as often as the scenario says, but never of a start that was refused', () => {
  const rng = new Rng(1);
  const reported = { end: 'reported' } as const;
  const delaysOf = (scenario: Parameters<typeof newsDelayMs>[0], ending: Ending = reported) =>
    Array.from({ length: 200 }, () => newsDelayMs(scenario, ending, rng));
  const quick = (ms: number) => ms <= 50;
  // Once in some hundreds its supervisor sleeps.
  const usual = Array.from({ length: 10 }, () => delaysOf({ executor_behaviour: 'local' })).flat();
  expect(usual.every((ms) => quick(ms) || (ms >= 5_000 && ms <= 5_050))).toBe(true);
  expect(usual.filter(quick).length).toBeGreaterThan(1_950);
  expect(usual.filter(quick).length).toBeLessThan(2_000);
  const late = { executor_behaviour: 'local', executor_late_news: { share: 0.5, ms: [4_000, 6_000] } } as const;
  const delays = delaysOf(late);
  expect(delays.filter(quick).length).toBeGreaterThan(50);
  expect(delays.filter((ms) => ms >= 4_000 && ms <= 6_000).length).toBe(200 - delays.filter(quick).length);
  const refused = { end: 'refused', failed: refusedStart('running') } as const;
  expect(delaysOf(late, refused).every(quick)).toBe(true);
  expect(new Set(delaysOf({ ...late, executor_behaviour: 'calm' }))).toEqual(new Set([0]));
});

test('of a real worker it is known whether its supervisor raised', () => {
  const stopped = { end: 'stopped' } as const;
  expect(newsOf('local', '3.3.2', { ...stopped, raised: true })).toBe('fail');
  expect(newsOf('local', '3.3.2', { ...stopped, raised: false })).toBe('success');
  expect(newsOf('local', '3.3.2', { end: 'reported', raised: true })).toBe('fail');
  expect(newsOf('calm', '3.3.2', { end: 'reported', raised: true })).toBe('success');
});
