import { expect, test } from 'vitest';

import type { Scenario } from '../model/scenario.ts';
import { literalManifest } from '../testing/literal-run.ts';
import { planDags, planFacts } from './plan-facts.ts';

const factsOf = (scenario: Partial<Scenario>, identity: Record<string, string> = {}) =>
  planFacts({ ...literalManifest({ scenario }), identity });

const dag = {
  dag_id: 'wt_dag',
  schedule: null,
  past_runs: 0,
  max_active_runs: 2,
  tasks: [{ task_id: 'task', upstream: [], duration_ms: [1, 2] as const }],
};

test('a stack that reports its own times is held to them, others to Airflow’s', () => {
  expect(factsOf({})).toMatchObject({ heartbeat_timeout_ms: 300_000, backfill_orphan_ms: 150_000, pool_slots: null });
  const reported = { task_instance_heartbeat_timeout_s: '10', backfill_abandoned_s: '20' };
  expect(factsOf({})).toMatchObject({ max_tis_per_query: 128 });
  expect(factsOf({ pool_slots: 12, max_tis_per_query: 16 }, reported)).toMatchObject({
    heartbeat_timeout_ms: 10_000,
    backfill_orphan_ms: 55_000,
    pool_slots: 12,
    max_tis_per_query: 16,
  });
});

test('planned are the kinds that a healthy server accepts', () => {
  const every = { dags: ['wt_dag'], every_ms: 1_000, start_after_ms: 0 };
  const empty = { runs: 5, max_active_runs: 1, second_after_ms: null, start_after_ms: 0, pause_ms: 0, empty: true };
  const { planned_kinds } = factsOf({
    dags: [dag],
    pool_slots: 4,
    operators: [
      { operator: 'mark', ...every },
      { operator: 'backfill', dags: ['wt_dag'], ...empty },
    ],
  });
  // Impostors are refused, and a backfill without runs may be.
  expect(planned_kinds).toEqual(['run', 'state', 'heartbeat', 'mark', 'pool']);
});

test('what a DAG waits for has the names that assets have on the stack', () => {
  const waiting = { ...dag, assets: { any: ['wt_one', 'wt_two'] } };
  const dags = planDags({ ...literalManifest({ scenario: { dags: [waiting, dag] } }), id: 'ab12cd' });
  expect(dags.map(({ assets, waits_for }) => [assets, waits_for])).toEqual([
    [['wt_one', 'wt_two'], 'any'],
    [null, null],
    [['wt_ab12cd_wt_one', 'wt_ab12cd_wt_two'], 'any'],
    [null, null],
  ]);
});

test('a DAG is known by its own name and by the one that it has in a target', () => {
  const dags = planDags({ ...literalManifest({ scenario: { dags: [dag] } }), id: 'ab12cd' });
  expect(dags.map(({ dag_id, max_active_runs }) => [dag_id, max_active_runs])).toEqual([
    ['wt_dag', 2],
    ['wt_ab12cd_wt_dag', 2],
  ]);
});
