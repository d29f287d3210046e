import { readFile } from 'node:fs/promises';

import { chosenDefects } from '../defects/index.ts';
import type { Role } from '../role.ts';
import { openPool, transaction } from './connect.ts';

const SCHEMA = new URL('./schema.sql', import.meta.url);

/** What `airflow db migrate` is to Airflow: an empty database gets the tables; one that has them is left as it is. */
export async function runMigration({ settings }: Role): Promise<void> {
  const schema = await readFile(SCHEMA, 'utf8');
  const changes = chosenDefects(settings.defects).flatMap((defect) => defect.schema ?? []);
  const pool = openPool(settings, 1);
  try {
    await transaction(pool, async (tx) => {
      const { rows } = await tx.query<{ there: boolean }>(`SELECT to_regclass('dag_run') IS NOT NULL AS there`);
      if (!rows[0]?.there) await tx.query([schema, ...changes].join(';\n'));
    });
  } finally {
    await pool.end();
  }
}
