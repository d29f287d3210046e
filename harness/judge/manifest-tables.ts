import type { DuckDBConnection } from '@duckdb/node-api';

import type { Manifest } from '../model/manifest.ts';
import { literal } from '../run-folder/files.ts';
import type { RunTable } from '../run-folder/reader.ts';
import { planDags, planFacts, planPools } from './plan-facts.ts';

/**
 * The manifest as tables: `manifest` and `plan` of one row each, `plan_dags`, `plan_pools`, and `recorded` with a row
 * for each table.
 */
export async function createManifestTables(
  connection: DuckDBConnection,
  manifest: Manifest,
  tables: readonly RunTable[],
): Promise<void> {
  const { scenario, seed } = manifest.plan;
  const shown = { ...manifest, scenario: scenario.name, seed, plan: null, identity: null, machine: null };
  const types =
    '{"id": "VARCHAR", "build": "VARCHAR", "scenario": "VARCHAR", "seed": "BIGINT", "windtunnel": "VARCHAR", ' +
    '"started_at": "VARCHAR", "used_by_others": "BOOLEAN", "continues": "BOOLEAN", "row_a_try": "BOOLEAN", ' +
    '"writers": "VARCHAR", "load_started_ms": "DOUBLE", "load_ended_ms": "DOUBLE", ' +
    '"ended_ms": "DOUBLE", "ended": "VARCHAR"}';
  await connection.run(`CREATE OR REPLACE TABLE manifest AS SELECT unnest(from_json($1, $2)), $3::JSON AS json`, [
    JSON.stringify(shown),
    types,
    JSON.stringify(manifest),
  ]);
  await connection.run('CREATE OR REPLACE TABLE plan AS SELECT unnest(from_json($1, $2))', [
    JSON.stringify(planFacts(manifest)),
    '{"duration_ms": "DOUBLE", "schedulers": "INTEGER", "api_servers": "INTEGER", "heartbeat_ms": "DOUBLE", ' +
      '"request_timeout_ms": "DOUBLE", "heartbeat_timeout_ms": "DOUBLE", "queued_timeout_ms": "DOUBLE", ' +
      '"pool_slots": "INTEGER", "max_tis_per_query": "INTEGER", "backfill_orphan_ms": "DOUBLE", ' +
      '"planned_kinds": ["VARCHAR"]}',
  ]);
  await connection.run(
    'CREATE OR REPLACE TABLE plan_dags AS SELECT unnest(dag) FROM (SELECT unnest(from_json($1, $2)) AS dag)',
    [
      JSON.stringify(planDags(manifest)),
      '[{"dag_id": "VARCHAR", "max_active_runs": "INTEGER", "max_active_tasks": "INTEGER", "past_runs": "INTEGER", ' +
        '"assets": ["VARCHAR"], "waits_for": "VARCHAR", ' +
        '"tasks": [{"task_id": "VARCHAR", "upstream": ["VARCHAR"], "trigger_rule": "VARCHAR", "retries": "INTEGER", ' +
        '"mapped": "INTEGER", "pool": "VARCHAR", "max_active_tis_per_dag": "INTEGER", ' +
        '"max_active_tis_per_dagrun": "INTEGER"}]}]',
    ],
  );
  await connection.run(
    'CREATE OR REPLACE TABLE plan_pools AS SELECT unnest(pool) FROM (SELECT unnest(from_json($1, $2)) AS pool)',
    [JSON.stringify(planPools(manifest.plan.scenario)), '[{"pool": "VARCHAR", "slots": "INTEGER"}]'],
  );
  const values = tables.map(({ name, source }) => `(${literal(name)}, ${source ? literal(source) : 'NULL'})`);
  await connection.run(`CREATE OR REPLACE TABLE recorded AS FROM (VALUES ${values.join(', ')}) AS t(name, source)`);
}
