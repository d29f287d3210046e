import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-resumed-task-continues', run);

const LATER = ['scheduled', 'queued', 'running'] as const;
type Later = (typeof LATER)[number];

/** A task that deferred at 2 s, is resumed at 4 s, gets as far as `later`, and is failed 3 s after that. */
function resumed(later: Later, { writer = 'wt-scheduler-1', state = 'up_for_retry', waits = 'deferred' } = {}) {
  const by = { scheduled: 'wt-triggerer-1', queued: 'wt-scheduler-1', running: 'wt-api-execution-1' };
  const way = LATER.slice(0, LATER.indexOf(later) + 1);
  return [
    { id: 'ti-1', state: 'running', committed_ms: 1_000, writer: 'wt-api-execution-1' },
    { id: 'ti-1', state: waits, committed_ms: 2_000, writer: 'wt-api-execution-1' },
    ...way.map((one, i) => ({ id: 'ti-1', state: one, committed_ms: 4_000 + 100 * i, writer: by[one] })),
    { id: 'ti-1', state, committed_ms: 7_000, writer },
  ];
}

const first = { life: 1, ti_id: 'ti-1', worker: 'w-1', handed_ms: 900, started_ms: 1_000, ended_ms: 2_010 };
const second = { life: 2, ti_id: 'ti-1', worker: 'w-2', handed_ms: 4_150, started_ms: 4_200, ended_ms: 9_000 };

test.each<[Later, string]>([
  ['scheduled', 'SCHEDULED'],
  ['queued', 'QUEUED'],
  ['running', 'RUNNING'],
])('a resumed task that is failed while it is %s is a violation', async (later, was) => {
  const lives = [first, ...(later === 'running' ? [{ ...second, end: 'stopped' as const }] : [])];
  const result = await judge({ commits: resumed(later), lives });
  expect(result).toMatchObject({ verdict: 'fail', variants: { [later]: 1 } });
  expect(result.first).toMatchObject({ at_ms: 7_000, subject: 'wt_dag/run1/task', severity: 3_000 });
  expect(result.first?.sentence).toBe(
    `wt-scheduler-1 set wt_dag/run1/task (try 1) from ${was} to UP_FOR_RETRY 3.0 s after it had been resumed, while ` +
      'nothing had gone wrong with it; worker w-1, which had deferred it, had ended 5.0 s before that.',
  );
});

test('so is one that was rescheduled, and one that has no retry left', async () => {
  const commits = resumed('queued', { waits: 'up_for_reschedule', state: 'failed' });
  expect((await judge({ commits, lives: [first] })).variants).toEqual({ 'queued, rescheduled': 1 });
});

test.each<[string, LiteralRun]>([
  ['its worker reported that', { commits: resumed('running', { writer: 'wt-api-execution-1' }), lives: [first] }],
  ['an operator did that', { commits: resumed('queued', { writer: 'wt-api-core-1', state: 'failed' }) }],
  [
    'its start was refused',
    { commits: resumed('queued'), lives: [first, { ...second, end: 'refused', ended_ms: 5_000 }] },
  ],
  [
    'it never started',
    { commits: resumed('queued'), lives: [first, { ...second, end: 'never-started', ended_ms: 5_000 }] },
  ],
  [
    'its worker had died',
    { commits: resumed('running'), lives: [first, { ...second, end: 'silent', ended_ms: 5_000 }] },
  ],
  ['it had not been deferred', { commits: resumed('queued', { waits: 'up_for_retry' }), lives: [first] }],
])('it may be failed when %s', async (_when, run) => {
  expect((await judge(run)).first).toBeNull();
});

test('it passes when ten tasks were resumed and went on, and is unknown with fewer', async () => {
  const ended = (n: number) =>
    many(n, (i) => [
      { task_id: `t${i}`, id: `${i}`, state: 'deferred', committed_ms: 2_000, writer: 'wt-api-execution-1' },
      { task_id: `t${i}`, id: `${i}`, state: 'scheduled', committed_ms: 4_000, writer: 'wt-triggerer-1' },
      { task_id: `t${i}`, id: `${i}`, state: 'queued', committed_ms: 4_100, writer: 'wt-scheduler-1' },
      { task_id: `t${i}`, id: `${i}`, state: 'running', committed_ms: 4_200, writer: 'wt-api-execution-1' },
      { task_id: `t${i}`, id: `${i}`, state: 'success', committed_ms: 5_000, writer: 'wt-api-execution-1' },
    ]).flat();
  const lives = [first];
  expect(await judge({ commits: ended(10), lives })).toMatchObject({ verdict: 'pass', exercised: 10 });
  expect(await judge({ commits: ended(9), lives })).toMatchObject({ verdict: 'unknown', exercised: 9 });
});
