import { FINAL_TABLES } from '../model/tables.ts';
import { withClient } from '../system/postgres-client.ts';

/** Bytes of the database, and of each table that runs fill and its indexes, by the names of a soak's metrics. */
export async function readSizes(dsn: string): Promise<Record<string, number>> {
  return withClient(dsn, async (client) => {
    const { rows } = await client.query<{ name: string; bytes: string; indexes: string }>(
      `SELECT c.relname AS name, pg_table_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY($1)`,
      [FINAL_TABLES],
    );
    const whole = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
    return Object.fromEntries([
      ['database.bytes', Number(whole.rows[0]?.bytes ?? 0)],
      ...rows.flatMap(({ name, bytes, indexes }) => [
        [`table.${name}.bytes`, Number(bytes)],
        [`table.${name}.index_bytes`, Number(indexes)],
      ]),
    ]);
  });
}
