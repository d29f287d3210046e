import { readAirflowSchema } from '../system/airflow-schema.ts';
import { withClient } from '../system/postgres-client.ts';

/**
 * Bytes of the database, and of each table that runs fill and its indexes, by the names of a soak's metrics: those of
 * the run folder, whatever the release calls the table.
 */
export async function readSizes(dsn: string): Promise<Record<string, number>> {
  return withClient(dsn, async (client) => {
    const { copied } = await readAirflowSchema(client);
    // Former tries may be in the table of the current ones, which comes first.
    const names = new Map(copied.toReversed().map(({ name, table }) => [table, name]));
    const { rows } = await client.query<{ table: string; bytes: string; indexes: string }>(
      `SELECT c.relname AS table, pg_table_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY($1)`,
      [[...names.keys()]],
    );
    const whole = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
    return Object.fromEntries([
      ['database.bytes', Number(whole.rows[0]?.bytes ?? 0)],
      ...rows.flatMap(({ table, bytes, indexes }) => [
        [`table.${names.get(table)}.bytes`, Number(bytes)],
        [`table.${names.get(table)}.index_bytes`, Number(indexes)],
      ]),
    ]);
  });
}
