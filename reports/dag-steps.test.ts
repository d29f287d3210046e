import { expect, test } from 'vitest';
import { HOSTILE } from '../harness/testing/fixture.ts';
import { finding } from '../harness/testing/fixture-finding.ts';
import { scenario as seeds } from '../workloads/scenarios/seeds.ts';
import { type DagAlone, dagSteps, rateWords } from './markdown/dag-steps.ts';

const [dag] = seeds.dags;
if (!dag) throw new Error('seeds has no DAG');
const trigger = { operator: 'trigger', dags: [dag.dag_id], every_ms: 6_000, start_after_ms: 0 } as const;
const ALONE: DagAlone = {
  finding: finding(),
  build: 'airflow@3.1.8',
  scenario: { ...seeds, dags: [dag], operators: [trigger], churn: { dags: [dag.dag_id], every_ms: 2_000 } },
  dag,
  text: '',
  settings: { AIRFLOW__CORE__EXECUTOR: 'LocalExecutor' },
  left_out: [],
  times: 23,
  load_s: 120,
  cpus: 2,
  postgres: '18.4',
  windtunnel: '0.1.0',
  run: 'runs/alone',
};

test('the steps say what to install, to start and to do, and how often it was seen', () => {
  const text = dagSteps(ALONE);
  expect(text).toContain('It was seen 23 times in 120 s on airflow@3.1.8 with its own workers');
  expect(text).toMatch(/^1\. Install apache-airflow==3\.1\.8 with PostgreSQL 18\.4/m);
  expect(text).toMatch(/^4\. Every 6 s: `airflow dags trigger wt_storm_1`\.\n5\. Every 2 s change the `description`/m);
  expect(text).toContain('\nexport AIRFLOW__CORE__EXECUTOR=LocalExecutor\n');
  expect(text).not.toContain('operators also did this');
  expect(text.trimEnd().split('\n').at(-1)).toBe('Drafted-by: windtunnel v0.1.0 (no human review before posting)');
});

test('what was not played is said, and a finding that was not seen', () => {
  expect(dagSteps({ ...ALONE, left_out: ['clear', 'mark'] })).toMatch(/here they did not: clear and mark\./);
  expect(rateWords({ ...ALONE, times: 0 })).toMatch(/^It was not seen in 120 s on airflow@3\.1\.8/);
  expect(rateWords({ ...ALONE, times: 1 })).toMatch(/^It was seen once in/);
});

test('a hostile finding injects nothing', () => {
  const text = dagSteps({ ...ALONE, finding: finding({ title: HOSTILE }), windtunnel: HOSTILE });
  expect(text).not.toMatch(/<script|<img|\]\(http/);
});
