import type { Tx } from '../behaviour.ts';
import type { DagJson } from './serialized-dag.ts';

/** `AssetModelOperation`: the assets of these DAGs, and which DAG waits for which. In the order of their names. */
export async function writeAssets(tx: Tx, dags: readonly DagJson[]): Promise<void> {
  const names = dags.flatMap((dag) => [...waitedFor(dag), ...dag.tasks.flatMap(({ outlets = [] }) => outlets)]);
  if (names.length === 0) return;
  const sorted = [...new Set(names)].sort();
  await tx.query(
    `INSERT INTO asset (name, uri, "group", extra, created_at, updated_at)
     SELECT name, name, 'asset', '{}', now(), now() FROM unnest($1::text[]) AS name ORDER BY name
     ON CONFLICT DO NOTHING`,
    [sorted],
  );
  await tx.query(
    `INSERT INTO asset_active (name, uri) SELECT name, name FROM unnest($1::text[]) AS name ORDER BY name
     ON CONFLICT DO NOTHING`,
    [sorted],
  );
  const waits = dags.flatMap((dag) => waitedFor(dag).map((asset) => ({ dag_id: dag.dag_id, asset })));
  await tx.query(
    `INSERT INTO dag_schedule_asset_reference (asset_id, dag_id, created_at, updated_at)
     SELECT asset.id, wait.dag_id, now(), now()
     FROM json_to_recordset($1) AS wait(dag_id text, asset text) JOIN asset ON asset.name = wait.asset
     ORDER BY asset.id, wait.dag_id ON CONFLICT DO NOTHING`,
    [JSON.stringify(waits)],
  );
}

function waitedFor({ assets }: DagJson): readonly string[] {
  if (assets === undefined) return [];
  return 'all' in assets ? assets.all : assets.any;
}
