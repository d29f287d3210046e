import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('a-started-life-owns-its-task', run);

const RUN = { op: 1, kind: 'run', sent_ms: 1_000 } as const;
const REFUSED = {
  op: 9,
  sent_ms: 6_000,
  ended_ms: 6_020,
  outcome: 'refused',
  status: 409,
  reason: 'not_running',
  found_state: 'skipped',
} as const;
const RUNNING = { state: 'running', committed_ms: 1_003, writer: 'wt-api-execution-1' };

test('a heartbeat refused while the worker works is a violation that names the state and its writer', async () => {
  const skipped = { state: 'skipped', committed_ms: 5_000, writer: 'wt-api-execution-1' };
  const result = await judge({ operations: [RUN, REFUSED], lives: [{}], commits: [RUNNING, skipped] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { 'skip-downstream': 1 } });
  expect(result.first).toMatchObject({ operations: [9], commits: [2] });
  expect(result.first?.sentence).toBe(
    'Worker w-1 had been running wt_dag/run1/task for 5.0 s when its heartbeat was refused with 409 not_running ' +
      '(found SKIPPED); wt-api-execution-1 had set SKIPPED on it 1.0 s before.',
  );
});

test('it is a violation even where no commit explains it', async () => {
  const result = await judge({
    operations: [RUN, { ...REFUSED, status: 404, reason: 'not_found', found_state: null }],
    lives: [{}],
  });
  expect(result.first).toMatchObject({ variant: 'not_found' });
  expect(result.first?.sentence).toMatch(/refused with 404 not_found; no commit explains it\.$/);
});

test.each<[string, LiteralRun]>([
  [
    'its end report was under way',
    { operations: [RUN, REFUSED, { kind: 'state', requested: 'success', sent_ms: 6_010, ended_ms: 6_050 }] },
  ],
  ['its start was never accepted', { operations: [{ ...RUN, outcome: 'refused', status: 409 }, REFUSED] }],
  [
    'an operator cleared the task',
    {
      operations: [RUN, REFUSED],
      commits: [RUNNING, { state: 'restarting', committed_ms: 4_000, writer: 'wt-api-core-1' }],
    },
  ],
  [
    'an operator cleared the task, and commits were not recorded',
    {
      operations: [
        RUN,
        REFUSED,
        { actor: 'operator', kind: 'clear', dag_id: 'wt_dag', run_id: 'run1', sent_ms: 4_000 },
      ],
    },
  ],
  [
    'it had been silent for longer than the time-out',
    { operations: [RUN, { ...REFUSED, sent_ms: 22_000, ended_ms: 22_010 }] },
  ],
])('a heartbeat may be refused when %s', async (_when, run) => {
  expect((await judge({ lives: [{}], ...run })).first).toBeNull();
});

test('it passes when the heartbeats of enough lives were accepted', async () => {
  expect(await judge(heartbeats(20))).toMatchObject({ verdict: 'pass', exercised: 20 });
});

test('it is unknown when hardly a life was long enough for a heartbeat', async () => {
  expect(await judge(heartbeats(19))).toMatchObject({ verdict: 'unknown', exercised: 19 });
});

function heartbeats(n: number): LiteralRun {
  return {
    operations: many(n, (i) => [
      { ...RUN, op: 2 * i, life: i },
      { op: 2 * i + 1, life: i },
    ]).flat(),
    lives: [{}],
  };
}
