import type pg from 'pg';

import { type AirflowSchema, KNOWN_TABLES, recognise } from '../model/airflow/schema.ts';

/** What a migrated database holds of what a run records. Reads its catalogue, and needs no right to do so. */
export async function readAirflowSchema(client: pg.Client): Promise<AirflowSchema> {
  const { rows } = await client.query<{ name: string; columns: string[]; key: string[] }>(
    `SELECT c.relname::text AS name, (SELECT array_agg(a.attname::text) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_index i JOIN pg_attribute a
           ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary) AS key
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)`,
    [KNOWN_TABLES],
  );
  return recognise(new Map(rows.map(({ name, columns, key }) => [name, { columns: new Set(columns), key }])));
}
