import { DuckDBInstance } from '@duckdb/node-api';

/** Tests only: a statement in a database of its own, such as one that writes a Parquet file. */
export async function runSql(sql: string): Promise<void> {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}
