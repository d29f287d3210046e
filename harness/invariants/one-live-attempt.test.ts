import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('one-live-attempt', run);

const FIRST = { life: 1, worker: 'w-1', started_ms: 1_000, ended_ms: 9_000 };
const SECOND = { life: 2, worker: 'w-2', ti_id: 'ti-2', try_number: 2, started_ms: 6_000, ended_ms: 12_000 };
const RUNS = [
  { op: 1, kind: 'run', life: 1, sent_ms: 990 },
  { op: 2, kind: 'run', life: 2, worker: 'w-2', ti_id: 'ti-2', sent_ms: 5_990 },
  { op: 3, life: 1, sent_ms: 4_000 },
] as const;

test('two workers that run one task instance at a time are a violation', async () => {
  const result = await judge({ operations: RUNS, lives: [FIRST, SECOND] });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'another try': 1 } });
  expect(result.first).toMatchObject({ at_ms: 6_000, severity: 3_000, operations: [1, 2] });
  expect(result.first?.sentence).toBe(
    'wt_dag/run1/task was started on worker w-2 (try 2) while worker w-1 (try 1) was still running it, for 3.0 s more.',
  );
});

test('one workload that two workers run is a violation of the same try', async () => {
  const result = await judge({ operations: RUNS, lives: [FIRST, { ...SECOND, try_number: 1 }] });
  expect(result.variants).toEqual({ 'the same try': 1 });
});

test.each<[string, LiteralRun]>([
  [
    'the first had reported, and its answer came late',
    { operations: [...RUNS, { kind: 'state', life: 1, sent_ms: 5_000, ended_ms: 9_000 }] },
  ],
  [
    'the first had been ordered to stop, and its process was not killed yet',
    { operations: [...RUNS, { life: 1, sent_ms: 5_000, outcome: 'refused', status: 409 }] },
  ],
  ['the first died without a word', { lives: [{ ...FIRST, end: 'silent' }, SECOND] }],
  ['the second never started', { lives: [FIRST, { ...SECOND, started_ms: null, end: 'refused' }] }],
  [
    'an operator cleared the task in between',
    {
      commits: [
        { state: 'running', committed_ms: 1_000 },
        { state: 'restarting', committed_ms: 5_000, writer: 'wt-api-core-1' },
      ],
    },
  ],
  [
    'an operator asked for it, and commits were not recorded',
    { operations: [...RUNS, { actor: 'operator', kind: 'clear', dag_id: 'wt_dag', run_id: 'run1', sent_ms: 5_000 }] },
  ],
  ['a fault was open', { faults: [{ fault: 'pause', victim: 'scheduler-1', opened_ms: 2_000, closed_ms: 3_000 }] }],
  [
    'the first had sent nothing for as long as the time-out',
    {
      operations: RUNS.slice(0, 2),
      lives: [
        { ...FIRST, ended_ms: 40_000 },
        { ...SECOND, started_ms: 25_000 },
      ],
    },
  ],
])('two lives may overlap when %s', async (_when, run) => {
  expect((await judge({ operations: RUNS, lives: [FIRST, SECOND], ...run })).first).toBeNull();
});

test('it passes when enough task instances were run again, each after its first end', async () => {
  expect(await judge({ lives: again(3) })).toMatchObject({ verdict: 'pass', exercised: 3 });
});

test('it is unknown when hardly a task instance was run again', async () => {
  expect(await judge({ lives: again(2) })).toMatchObject({ verdict: 'unknown', exercised: 2 });
});

function again(n: number) {
  const second = { ...SECOND, started_ms: 9_500 };
  return many(n, (i) => [
    { ...FIRST, task_id: `t${i}`, life: 2 * i + 1 },
    { ...second, task_id: `t${i}`, life: 2 * i + 2 },
  ]).flat();
}

test('what clients, users and executors do wrong excuses no second worker', async () => {
  for (const victim of ['fleet', 'operators', 'executor']) {
    const faults = [{ window: 1, fault: 'duplicate-delivery', victim, opened_ms: 500, closed_ms: 8_000 }];
    const result = await judge({
      operations: RUNS,
      lives: [FIRST, { ...SECOND, duplicate_of: 1, try_number: 1 }],
      faults,
    });
    expect(result, victim).toMatchObject({ verdict: 'fail', variants: { 'the same try': 1 } });
  }
});
