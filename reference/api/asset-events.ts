import type { Behaviour, TaskKey, Tx } from '../behaviour.ts';

/** `AssetManager.register_asset_change`. Resolves with the event; undefined: there is no such asset. */
export async function registerAssetEvent(
  tx: Tx,
  behaviour: Behaviour,
  name: string,
  source: TaskKey | undefined,
): Promise<Record<string, unknown> | undefined> {
  const { rows: assets } = await tx.query<{ id: number; uri: string; group: string }>(
    'SELECT asset.id, asset.uri, asset."group" FROM asset WHERE asset.name = $1',
    [name],
  );
  const [asset] = assets;
  if (!asset) return undefined;
  const { rows } = await tx.query<Record<string, unknown>>(
    `INSERT INTO asset_event (asset_id, extra, source_task_id, source_dag_id, source_run_id, source_map_index,
       "timestamp")
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
     RETURNING id, asset_id, extra, source_task_id, source_dag_id, source_run_id, source_map_index, "timestamp",
       partition_key`,
    [
      asset.id,
      JSON.stringify(source ? {} : { from_rest_api: true }),
      source?.task_id ?? null,
      source?.dag_id ?? null,
      source?.run_id ?? null,
      source?.map_index ?? -1,
    ],
  );
  const { rows: waiting } = await tx.query<{ dag_id: string }>(
    `SELECT dag.dag_id FROM dag_schedule_asset_reference JOIN dag USING (dag_id)
     WHERE dag_schedule_asset_reference.asset_id = $1 AND NOT dag.is_paused ORDER BY dag.dag_id`,
    [asset.id],
  );
  if (waiting.length > 0) {
    await behaviour.queueDags(
      tx,
      asset.id,
      waiting.map(({ dag_id }) => dag_id),
    );
  }
  return { ...rows[0], uri: asset.uri, name, group: asset.group };
}
