import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('max-active-tasks-is-kept', run);

const dag = { dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 9, tasks: [] };
const scenario = { dags: [{ ...dag, max_active_tasks: 2 }] };

const queued = (i: number, committed_ms: number, more: object = {}) => ({
  task_id: `t${i}`,
  id: `ti-${i}`,
  state: 'queued',
  writer: 'wt-scheduler-1',
  committed_ms,
  ...more,
});

test('one more than the limit is a violation', async () => {
  const commits = [queued(1, 1_000), queued(2, 2_000), queued(1, 2_500, { state: 'running' }), queued(3, 3_000)];
  const result = await judge({ scenario, commits });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { scheduler: 1 } });
  expect(result.first).toMatchObject({ at_ms: 3_000, subject: 'wt_dag/run1', severity: 1, commits: [4] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-1 queued 1 more, so that 3 task instances of the run run1 of wt_dag were QUEUED or RUNNING at ' +
      'once, where max_active_tasks is 2.',
  );
});

test.each<[string, LiteralRun]>([
  [
    'one has ended',
    { commits: [queued(1, 1_000), queued(2, 2_000), queued(1, 2_500, { state: 'success' }), queued(3, 3_000)] },
  ],
  [
    'one is deferred',
    { commits: [queued(1, 1_000), queued(2, 2_000), queued(1, 2_500, { state: 'deferred' }), queued(3, 3_000)] },
  ],
  [
    'it belongs to another run',
    { commits: [queued(1, 1_000), queued(2, 2_000), queued(3, 3_000, { run_id: 'run2' })] },
  ],
  [
    'the DAG has no limit',
    { scenario: { dags: [dag] }, commits: [queued(1, 1_000), queued(2, 2_000), queued(3, 3_000)] },
  ],
])('a third one may be queued when %s', async (_when, run) => {
  expect((await judge({ scenario, ...run })).first).toBeNull();
});

test('it passes when the limit was reached ten times, and is unknown with fewer', async () => {
  const commits = (n: number) =>
    many(n, (i) => [
      queued(1, 1_000, { run_id: `r${i}`, id: `${i}-1` }),
      queued(2, 1_000, { run_id: `r${i}`, id: `${i}-2` }),
    ]).flat();
  expect(await judge({ scenario, commits: commits(10) })).toMatchObject({ verdict: 'pass', exercised: 10 });
  expect(await judge({ scenario, commits: commits(9) })).toMatchObject({ verdict: 'unknown', exercised: 9 });
});
