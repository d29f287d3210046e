import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('tokens-keep-working', run);

const RUN = { op: 1, kind: 'run', sent_ms: 1_000, ended_ms: 1_010 } as const;
const NO = { outcome: 'refused', status: 403, message: 'Invalid auth token: expired' } as const;

test('a refusal of a worker’s newest token is a violation', async () => {
  const result = await judge({ operations: [RUN, { op: 2, sent_ms: 3_000, ended_ms: 3_010, ...NO }] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'heartbeat 403': 1 } });
  expect(result.first?.sentence).toBe(
    'The heartbeat request of worker w-1 for wt_dag/run1/task was answered 403 («Invalid auth token: expired») with ' +
      'the newest token it was given, 2.0 s after its start.',
  );
  const start = await judge({ operations: [{ ...RUN, outcome: 'refused', status: 401 }] });
  expect(start.first).toMatchObject({ variant: 'run 401' });
  expect(start.first?.sentence).toContain('with the token that came with the task.');
});

test('a token that lay in the queue for longer than a task may has ended', async () => {
  const refused = (handed_ms: number) =>
    judge({
      manifest: { identity: { task_queued_timeout_s: '8' } },
      lives: [{ handed_ms, started_ms: null, end: 'refused' }],
      operations: [{ ...RUN, sent_ms: 20_000, ended_ms: 20_010, ...NO }],
    });
  expect((await refused(12_000)).violations).toBe(0);
  expect((await refused(13_000)).variants).toEqual({ 'run 403': 1 });
});

test('an operator who is refused, and an impostor, have no such claim', async () => {
  const result = await judge({
    operations: [
      { actor: 'operator', kind: 'clear', ...NO },
      { kind: 'impostor_run', ...NO },
    ],
  });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0, exercised: 0 });
});

test('where the clock of the stack was set, as by a machine that slept, it is in doubt', async () => {
  const reading = (at_ms: number, value: number) => [
    { at_ms, source: 'postgres', metric: 'clock_offset_ms', value },
    { at_ms, source: 'postgres', metric: 'clock_round_trip_ms', value: 1 },
  ];
  const result = await judge({
    operations: [RUN, { op: 2, sent_ms: 3_000, ended_ms: 3_010, ...NO }],
    samples: [...reading(1_000, 0), ...reading(2_000, 900_000)],
  });
  expect(result).toMatchObject({ verdict: 'unknown', violations: 0 });
  expect(result.why_unknown).toContain('the clocks did not agree');
});

test('it passes where a hundred requests carried a good one', async () => {
  expect(await judge({ lives: [{}], operations: many(100, () => ({})) })).toMatchObject({
    verdict: 'pass',
    exercised: 100,
  });
});
