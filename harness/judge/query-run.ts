import path from 'node:path';

import { messageOf, UsageError } from '../model/errors.ts';
import { parquetFile } from '../run-folder/files.ts';
import { type Cell, cellOf, explained, type OpenRun, openRun } from './open-run.ts';
import { checkReading } from './outside-sql.ts';

/** Some rows of an answer; every piece names the columns, and the first one comes even if there are no rows. */
export interface QueryRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What `windtunnel query RUN SQL` prints, piece by piece: a table of a long run does not fit into memory. */
export async function* queryRun(runFolder: string, sql: string): AsyncGenerator<QueryRows> {
  const run = await openRun(runFolder);
  try {
    await checkReadable(run, sql);
    await run.prepare(sql).catch((error: unknown) => {
      throw misunderstood(error);
    });
    const connection = await run.connect();
    try {
      await checkReading(connection, sql);
      const result = await connection.stream(sql);
      const columns = result.deduplicatedColumnNames();
      yield { columns, rows: [] };
      for await (const rows of result.yieldRowsJs()) yield { columns, rows: rows.map((row) => row.map(cellOf)) };
    } catch (error) {
      throw await queryError(run, error);
    } finally {
      connection.closeSync();
    }
  } finally {
    await run.close();
  }
}

/** Tables that every completed run has: one that is not there was removed, and is not a table without rows. */
const ALWAYS = ['operations', 'commits'];

async function checkReadable(run: OpenRun, sql: string): Promise<void> {
  if (run.manifest.ended !== 'completed') return;
  const reads = await run.reads(sql);
  const lost = run.tables.filter(({ name, source }) => source === null && ALWAYS.includes(name) && reads.has(name));
  if (lost.length === 0) return;
  const files = lost.map(({ name }) => path.basename(parquetFile(run.folder, name))).join(' and ');
  throw new UsageError(`${run.folder} has no ${files}, which the SQL reads: it was removed; repeat the run.`);
}

/** What DuckDB says of SQL, on one line; of a table that cannot be read to its end, which one it is. */
async function queryError(run: OpenRun, error: unknown): Promise<unknown> {
  if (run.over) return run.over;
  if (error instanceof UsageError) return error;
  const reason = await explained(run, error);
  return reason instanceof UsageError ? reason : misunderstood(error);
}

function misunderstood(error: unknown): unknown {
  if (error instanceof UsageError) return error;
  // After a blank line DuckDB prints the statement again, with an arrow.
  const [said = ''] = messageOf(error)
    .replace(/^Failed to extract statements: /, '')
    .split('\n\n');
  return new UsageError(`The SQL was not understood: ${said.trim().replace(/\s*\n\s*/g, ' ')}`, { cause: error });
}
