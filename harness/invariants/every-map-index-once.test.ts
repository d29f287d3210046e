import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('every-map-index-once', run);

const scenario = {
  dags: [
    {
      dag_id: 'wt_dag',
      schedule: null,
      past_runs: 0,
      max_active_runs: 1,
      tasks: [
        { task_id: 'list', upstream: [], duration_ms: [1, 2] as const },
        { task_id: 'each', upstream: ['list'], mapped: 3, duration_ms: [1, 2] as const },
      ],
    },
  ],
};

/** A run with these map indexes of its mapped task. */
function dagRun(id: number, indexes: readonly number[], committed_ms = 1_000) {
  const run = { dag_id: 'wt_dag', run_id: `r${id}`, change: 'insert', committed_ms };
  return [
    { ...run, relation: 'dag_run', id: `${id}`, state: 'queued' },
    { ...run, task_id: 'list', map_index: -1, id: `${id}-list` },
    ...indexes.map((map_index) => ({ ...run, task_id: 'each', map_index, id: `${id}-${map_index}` })),
  ];
}

test('an index without a task instance is a violation', async () => {
  const result = await judge({ scenario, commits: dagRun(1, [0, 1]) });
  expect(result).toMatchObject({ verdict: 'fail', variants: { missing: 1 } });
  expect(result.first).toMatchObject({ at_ms: 1_000, subject: 'wt_dag/r1/each', severity: 1 });
  expect(result.first?.sentence).toBe('wt_dag/r1/each is mapped over 3 values, and has no task instance for index 2.');
});

test('an index too many, and the unmapped one beside the others, are violations', async () => {
  expect((await judge({ scenario, commits: dagRun(1, [0, 1, 2, 3]) })).variants).toEqual({ 'too many': 1 });
  expect((await judge({ scenario, commits: dagRun(1, [-1, 0, 1, 2]) })).variants).toEqual({ 'too many': 1 });
});

test('an expansion may still come for a run that is young, or that a fault held up', async () => {
  expect((await judge({ scenario, commits: dagRun(1, [-1], 50_000) })).first).toBeNull();
  const faults = [{ fault: 'pause', victim: 'scheduler-1', opened_ms: 500, closed_ms: 5_000 }];
  expect((await judge({ scenario, faults, commits: dagRun(1, [-1]) })).first).toBeNull();
  // Or where the whole machine slept.
  const samples = [{ at_ms: 20_000, source: 'harness', metric: 'loop_delay_ms', value: 19_000 }];
  expect((await judge({ scenario, samples, commits: dagRun(1, [-1]) })).first).toBeNull();
});

test('a run that was deleted has no indexes', async () => {
  const gone = { relation: 'dag_run', id: '1', change: 'delete', committed_ms: 9_000 };
  expect((await judge({ scenario, commits: [...dagRun(1, [0]), gone] })).first).toBeNull();
});

test('it passes when two mapped tasks had all of their indexes, and is unknown with one', async () => {
  const commits = (n: number) => many(n, (i) => dagRun(i, [0, 1, 2])).flat();
  expect(await judge({ scenario, commits: commits(2) })).toMatchObject({ verdict: 'pass', exercised: 2 });
  expect(await judge({ scenario, commits: commits(1) })).toMatchObject({ verdict: 'unknown', exercised: 1 });
});
