import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('tasks-follow-their-dag-version', run);

const SCHEDULER = 'wt-scheduler-1';
const API = 'wt-api-execution-1';

/** Version 1 was there before the record, version 2 comes at 3 s. */
const finals = { dag_version: [1, 2].map((n) => ({ id: `v${n}`, dag_id: 'wt_dag', version_number: n })) };
const NEW = {
  relation: 'dag_version',
  change: 'insert',
  id: 'v2',
  dag_id: 'wt_dag',
  committed_ms: 3_000,
  row: { version_number: 2 },
};

function task(task_id: string, state: string | null, committed_ms: number, version: number, more: object = {}) {
  const row = { dag_version_id: `v${version}` };
  return { id: task_id, task_id, state, committed_ms, writer: SCHEDULER, row, ...more };
}
const made = (task_id: string) => task(task_id, null, 1_000, 1, { change: 'insert' });

/** `first` runs when its run is moved at 4 s; `later`, in this state by then, is queued at 8 s. */
function moved(then: string | null, version: number, more: object = {}) {
  return [
    made('first'),
    made('later'),
    task('first', 'running', 2_000, 1, { writer: API }),
    ...(then === null ? [] : [task('later', then, 2_500, 1, { writer: API, ...more })]),
    NEW,
    task('first', 'running', 4_000, 2),
    ...(version === 2 ? [task('later', then, 4_000, 2)] : []),
    task('later', 'scheduled', 7_000, version),
    task('later', 'queued', 8_000, version),
  ];
}

test('a task without a state that stays on the old version is a violation', async () => {
  const result = await judge({ finals, commits: moved(null, 1) });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'without a state': 1 } });
  expect(result.first).toMatchObject({ at_ms: 8_000, subject: 'wt_dag/run1/later', severity: 1, commits: [5, 7] });
  expect(result.first?.sentence).toBe(
    'wt-scheduler-1 queued wt_dag/run1/later with version 1 of its DAG, 4.0 s after wt-scheduler-1 had moved the run ' +
      'to version 2; the task had no state then.',
  );
});

test('so is one that waits for its next try, and one that waits otherwise', async () => {
  const { variants, first } = await judge({ finals, commits: moved('up_for_retry', 1) });
  expect(variants).toEqual({ 'at its next try': 1 });
  expect(first?.sentence).toContain('; the task was UP_FOR_RETRY then.');
  expect((await judge({ finals, commits: moved('deferred', 1) })).variants).toEqual({ 'with a state': 1 });
});

test.each<[string, LiteralRun['commits']]>([
  ['it was moved with the others', moved(null, 2)],
  ['it had ended by then, and was cleared later', moved('success', 1)],
  [
    'an operator cleared it at that moment',
    moved(null, 1, {}).toSpliced(3, 0, task('later', null, 3_500, 1, { writer: 'wt-api-core-1' })),
  ],
  [
    'it was made after the move',
    moved(null, 1).filter(({ id, committed_ms }) => id !== 'later' || committed_ms > 4_000),
  ],
  [
    'an operator gave the other one a newer version',
    moved(null, 1).map((row) => (row.committed_ms === 4_000 ? { ...row, writer: 'wt-api-core-1' } : row)),
  ],
  ['no scheduler moved the run', moved(null, 1).filter(({ committed_ms }) => committed_ms !== 4_000)],
])('it is no violation if %s', async (_if, commits) => {
  expect((await judge({ finals, commits: commits ?? [] })).first).toBeNull();
});

test('it passes with twenty tasks that moved, and is unknown with fewer', async () => {
  const commits = (n: number) => [
    NEW,
    ...many(n, (i) =>
      moved(null, 2)
        .filter(({ id }) => id !== 'v2')
        .map((row) => ({ ...row, run_id: `run${i}` })),
    ).flat(),
  ];
  expect(await judge({ finals, commits: commits(20) })).toMatchObject({ verdict: 'pass', exercised: 20 });
  expect(await judge({ finals, commits: commits(19) })).toMatchObject({ verdict: 'unknown', exercised: 19 });
});
