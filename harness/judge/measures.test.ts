import { expect, test } from 'vitest';

import { withLiteralRun } from '../testing/judge-literal.ts';
import { type LiteralRun, TASK } from '../testing/literal-run.ts';
import { readMeasures } from './measures.ts';

const measuresOf = (run: LiteralRun) => withLiteralRun(run, readMeasures);

/** A task instance that ran and ended. */
const ended = (i: number, committed_ms: number) =>
  ['running', 'success'].map((state, step) => ({
    ...TASK,
    id: `ti-${i}`,
    map_index: i,
    seq: 2 * i + step,
    committed_ms: committed_ms + step,
    relation: 'task_instance',
    change: 'update',
    state,
  }));
const sample = (at_ms: number, source: string, metric: string, value: number) => ({ at_ms, source, metric, value });

test('what the stack did and cost counts over the load alone, without the harness', async () => {
  const measures = await measuresOf({
    commits: [[1, 5_000] as const, [2, 20_000] as const, [3, 30_000] as const, [4, 900_000] as const].flatMap(
      ([i, at]) => ended(i, at),
    ),
    samples: [
      sample(10_000, 'scheduler-1', 'cpu_s', 2),
      sample(20_000, 'scheduler-1', 'cpu_s', 5),
      // Started again: its CPU counts from 0.
      sample(30_000, 'scheduler-1', 'cpu_s', 1),
      sample(40_000, 'scheduler-1', 'cpu_s', 4),
      sample(10_000, 'harness', 'cpu_s', 0),
      sample(40_000, 'harness', 'cpu_s', 500),
      sample(10_000, 'scheduler-1', 'rss_bytes', 100),
      sample(20_000, 'scheduler-1', 'rss_bytes', 300),
      sample(20_100, 'api-core-1', 'rss_bytes', 50),
      sample(20_200, 'postgres', 'rss_bytes', 9_000),
      sample(10_000, 'postgres', 'lock_waits', 4),
      sample(20_000, 'postgres', 'lock_waits', 0),
      sample(990_000, 'postgres', 'lock_waits', 80),
    ],
  });
  expect(measures).toEqual({ tasks_per_second: 3 / 60, cpu_s_per_task: 2, memory_bytes: 350, lock_waits: 2 });
});

test('nothing sampled and nothing done is null, not 0', async () => {
  expect(await measuresOf({})).toEqual({
    tasks_per_second: 0,
    cpu_s_per_task: null,
    memory_bytes: null,
    lock_waits: null,
  });
});
