import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('task-limits-are-kept', run);

function limited(limit: object) {
  const task = { task_id: 'each', upstream: [], duration_ms: [1, 2] as const, ...limit };
  return { dags: [{ dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 9, tasks: [task] }] };
}
const perDag = limited({ max_active_tis_per_dag: 2 });
const perRun = limited({ max_active_tis_per_dagrun: 2 });

const changed = (map_index: number, committed_ms: number, state = 'queued', more: object = {}) => ({
  task_id: 'each',
  map_index,
  id: `ti-${map_index}`,
  state,
  writer: state === 'queued' ? 'wt-scheduler-1' : 'wt-api-execution-1',
  committed_ms,
  ...more,
});

test('one more than the limit of a task in all runs is a violation', async () => {
  const commits = [changed(1, 1_000), changed(2, 2_000), changed(3, 3_000, 'queued', { run_id: 'run2' })];
  const result = await judge({ scenario: perDag, commits });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'queued or running': 1 } });
  expect(result.first).toMatchObject({ at_ms: 3_000, subject: 'wt_dag/run2/each[3]', severity: 1, commits: [3] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-1 queued 1 more, so that 3 instances of wt_dag/each were QUEUED, RUNNING or DEFERRED at once, ' +
      'where max_active_tis_per_dag is 2.',
  );
  expect((await judge({ scenario: perRun, commits })).violations).toBe(0);
});

test('one more than the limit of a task in its run is a violation', async () => {
  const commits = [changed(1, 1_000), changed(2, 2_000), changed(3, 3_000)];
  const result = await judge({ scenario: perRun, commits });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1 });
  expect(result.first?.sentence).toContain('instances of wt_dag/each/run1 were');
});

test('deferred instances keep their places, and have a variant of their own', async () => {
  const run = (state: string) =>
    judge({
      scenario: perDag,
      commits: [
        changed(1, 1_000),
        changed(2, 1_000),
        changed(1, 2_000, 'running'),
        changed(1, 3_000, state),
        changed(3, 4_000),
      ],
    });
  expect(await run('deferred')).toMatchObject({ violations: 1, variants: { 'deferred ones do not count': 1 } });
  for (const state of ['success', 'up_for_reschedule', 'up_for_retry']) expect((await run(state)).violations).toBe(0);
});

test('it passes where the limit was reached five times, and is unknown without a limit', async () => {
  const turns = many(5, (i) => [changed(i + 2, 1_000 * i + 10), changed(i + 2, 1_000 * i + 900, 'success')]).flat();
  const commits = [changed(1, 1), ...turns];
  expect(await judge({ scenario: perDag, commits })).toMatchObject({ verdict: 'pass', exercised: 5 });
  expect(await judge({ commits })).toMatchObject({ verdict: 'unknown', exercised: 0 });
});
