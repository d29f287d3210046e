import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

import { FINAL_TABLES, TABLES } from '../harness/model/tables.ts';
import { SCENARIOS } from '../harness/run/catalogue.ts';
import { TARGET } from '../harness/stacks/target.ts';
import { problemsOf } from '../workloads/problems.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFile(path.join(root, file), 'utf8');

test('docs/run-folder.md names every table and every column', async () => {
  const text = await read('docs/run-folder.md');
  const names = [
    ...Object.keys(TABLES),
    ...FINAL_TABLES.map((name) => `final_${name}`),
    ...Object.values(TABLES).flatMap((columns) => Object.keys(columns)),
  ];
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test('docs/target.md names every field of a target file', async () => {
  const text = await read('docs/target.md');
  expect(Object.keys(TARGET.shape).filter((field) => !new RegExp(`^${field}:`, 'm').test(text))).toEqual([]);
});

test('the scenario in docs/scenarios.md is a valid one', async () => {
  const [, source = ''] =
    /export const scenario: Scenario = (\{[\s\S]*?\n\});/.exec(await read('docs/scenarios.md')) ?? [];
  const scenario: unknown = new Function(`return ${source}`)();
  expect(problemsOf(scenario)).toEqual([]);
});

test('every scenario that ships is valid', () => {
  for (const scenario of SCENARIOS) expect(problemsOf(scenario)).toEqual([]);
});

test('what is wrong with a scenario is said all at once, with its place', () => {
  const [seeds] = SCENARIOS;
  const broken = {
    ...seeds,
    duration_s: -1,
    fleet: { ...seeds?.fleet, habits: { ...seeds?.fleet.habits, fails: 2 } },
    dags: [{ dag_id: 'mine', schedule: null, past_runs: 0, max_active_runs: 1, tasks: [] }],
  };
  const problems = problemsOf(broken).join('\n');
  for (const place of ['duration_s', 'fleet.habits.fails', 'dags.0.dag_id', 'dags.0.tasks'])
    expect(problems).toContain(place);
  const arrivals = { executor: 'ramping-arrival-rate', stages: [{ duration: 'soon', target: -1 }] };
  const untimely = [
    { operator: 'clear', dags: ['wt_a'], every_ms: 5 },
    { operator: 'trigger', dags: ['wt_a'], arrivals },
  ];
  expect(problemsOf({ ...seeds, operators: untimely })).toEqual([
    'operators.0: give either every_ms and start_after_ms, or arrivals',
    "operators.1.arrivals.stages.0.duration: must be a duration as k6 writes it, like '1m30s'",
    expect.stringMatching(/^operators\.1\.arrivals\.stages\.0\.target: /),
  ]);
  const dangling = { ...seeds, churn: { dags: ['wt_nowhere'], every_ms: 1 } };
  expect(problemsOf(dangling)).toEqual(['no DAG is called wt_nowhere, but churn or an operator names it']);
});
