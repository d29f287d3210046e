import { expect, test } from 'vitest';

import { Rng } from '../model/rng.ts';
import { type Ending, newsDelayMs, newsOf } from './news.ts';

const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2', '3.4.0b2'] as const;

type Failed = NonNullable<Ending['failed']>;
const refusedStart = (found_state: string): Failed => ({
  kind: 'run',
  outcome: 'refused',
  status: 409,
  reason: 'invalid_state',
  found_state,
  requested: 'running',
});
const beat = { kind: 'heartbeat', requested: null, reason: 'not_running', found_state: 'failed' } as const;
const refusedBeat: Failed = { ...beat, outcome: 'refused', status: 409 };
const silentBeat: Failed = { ...beat, outcome: 'unknown', status: null };
const end = (requested: string, status: number | null): Failed => ({
  kind: 'state',
  outcome: status === 409 ? 'refused' : 'unknown',
  status,
  reason: status === 409 ? 'invalid_state' : null,
  found_state: null,
  requested,
});

const ok = Array(5).fill('success');
const no = Array(5).fill('fail');
const nothing = Array(5).fill(null);

// What `supervise` of each release does: whether it returns or raises. See docs/harness.md.
test.each<[string, Ending['end'], Failed | undefined, retriesLeft: boolean, local: unknown[], celery: unknown[]]>([
  ['its end was accepted', 'reported', undefined, false, ok, ok],
  ['another runs its task', 'refused', refusedStart('running'), false, no, ['fail', null, null, null, null]],
  ['its task has ended', 'refused', refusedStart('success'), false, no, no],
  ['its start has no answer', 'gave-up', { ...refusedStart(''), outcome: 'unknown', status: null }, true, no, no],
  ['a heartbeat is refused', 'stopped', refusedBeat, false, ok, ok],
  ['a heartbeat is refused, retries left', 'stopped', refusedBeat, true, ok, ok],
  ['heartbeats have no answer', 'gave-up', silentBeat, false, no, no],
  ['heartbeats have no answer, retries left', 'gave-up', silentBeat, true, ok, ok],
  [
    'SUCCESS is refused',
    'stopped',
    end('success', 409),
    false,
    ['fail', 'fail', 'success', 'success', 'success'],
    ['fail', 'fail', 'success', 'success', 'success'],
  ],
  ['SUCCESS is refused, retries left', 'stopped', end('success', 409), true, ok, ok],
  ['SUCCESS is answered 500, retries left', 'gave-up', end('success', 500), true, ok, ok],
  [
    'SUCCESS has no answer',
    'gave-up',
    end('success', null),
    true,
    ['fail', 'fail', 'success', 'success', 'success'],
    ['fail', 'fail', 'success', 'success', 'success'],
  ],
  ['FAILED is refused', 'stopped', end('failed', 409), false, no, no],
  [
    'UP_FOR_RETRY is refused',
    'stopped',
    end('up_for_retry', 409),
    true,
    ['success', 'success', 'success', 'success', 'fail'],
    ['success', 'success', 'success', 'success', 'fail'],
  ],
  ['it never started', 'never-started', undefined, true, no, no],
  ['its machine has gone', 'silent', undefined, true, nothing, nothing],
  ['Airflow took it back', 'revoked', undefined, true, nothing, nothing],
])('%s', (_what, how, failed, retriesLeft, local, celery) => {
  const ending = { end: how, failed, retriesLeft };
  expect(RELEASES.map((release) => newsOf('local', release, ending))).toEqual(local);
  expect(RELEASES.map((release) => newsOf('celery', release, ending))).toEqual(celery);
});

test.each<[Ending['end'], string | null]>([
  ['reported', 'success'],
  ['refused', 'fail'],
  ['stopped', 'fail'],
  ['never-started', 'fail'],
  ['gave-up', null],
  ['silent', null],
])('calm, %s: %s, whatever the release', (how, news) => {
  for (const release of RELEASES)
    expect(newsOf('calm', release, { end: how, failed: refusedBeat, retriesLeft: true })).toBe(news);
});

test('a release that is not known is taken for the newest', () => {
  const ending = { end: 'stopped', failed: end('success', 409), retriesLeft: false } as const;
  expect(newsOf('local', undefined, ending)).toBe(newsOf('local', '3.5.0', ending));
});

test('news comes within 50 ms, and later as often as the scenario says, but never of a start that was refused', () => {
  const rng = new Rng(1);
  const reported = { end: 'reported', retriesLeft: false } as const;
  const delaysOf = (scenario: Parameters<typeof newsDelayMs>[0], ending: Ending = reported) =>
    Array.from({ length: 200 }, () => newsDelayMs(scenario, ending, rng));
  const quick = (ms: number) => ms <= 50;
  expect(delaysOf({ executor_behaviour: 'local' }).every(quick)).toBe(true);
  const late = { executor_behaviour: 'local', executor_late_news: { share: 0.5, ms: [4_000, 6_000] } } as const;
  const delays = delaysOf(late);
  expect(delays.filter(quick).length).toBeGreaterThan(50);
  expect(delays.filter((ms) => ms >= 4_000 && ms <= 6_000).length).toBe(200 - delays.filter(quick).length);
  const refused = { end: 'refused', failed: refusedStart('running'), retriesLeft: false } as const;
  expect(delaysOf(late, refused).every(quick)).toBe(true);
  expect(new Set(delaysOf({ ...late, executor_behaviour: 'calm' }))).toEqual(new Set([0]));
});

test('of a real worker it is known whether its supervisor raised', () => {
  const stopped = { end: 'stopped', failed: refusedBeat, retriesLeft: false } as const;
  expect(newsOf('local', '3.3.2', { ...stopped, raised: true })).toBe('fail');
  expect(newsOf('local', '3.3.2', { ...stopped, raised: false })).toBe('success');
  expect(newsOf('local', '3.3.2', { end: 'reported', raised: true, retriesLeft: false })).toBe('fail');
  expect(newsOf('calm', '3.3.2', { end: 'reported', raised: true, retriesLeft: false })).toBe('success');
});
