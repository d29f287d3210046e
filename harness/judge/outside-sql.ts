import { type DuckDBConnection, StatementType } from '@duckdb/node-api';

import { messageOf, UsageError } from '../model/errors.ts';
import { literal } from '../run-folder/files.ts';

/**
 * SQL from outside, of `query` or of a user's invariant, may come from an issue or a chat: it sees the run and nothing
 * else. After this, no connection to the database reaches another file or the network, loads an extension, or changes a
 * setting. `files`: what the views of the run read, with the patterns by which they name them.
 */
export async function lockDown(connection: DuckDBConnection, files: readonly string[]): Promise<void> {
  if (files.length > 0) await connection.run(`SET allowed_paths = [${files.map(literal).join(', ')}]`);
  await connection.run('SET enable_external_access = false; SET lock_configuration = true');
}

/** They read, and what they change is gone with the database. Others, such as COPY, could write a run's own files. */
const IN_DATABASE: ReadonlySet<StatementType> = new Set([
  StatementType.SELECT,
  StatementType.CREATE,
  StatementType.INSERT,
  StatementType.UPDATE,
  StatementType.DELETE,
  StatementType.DROP,
  StatementType.ALTER,
]);

/** Runs the statements of a user's section one after another. Error: one of them does more than it may. */
export async function runStatements(connection: DuckDBConnection, sql: string): Promise<void> {
  const statements = await connection.extractStatements(sql);
  for (let place = 0; place < statements.count; place++) {
    const statement = await statements.prepare(place);
    if (!IN_DATABASE.has(statement.statementType)) throw notAllowed(statement.statementType);
    await statement.run();
  }
}

/** UsageError: this is not one statement that reads. DuckDB's error: it is no SQL. */
export async function checkReading(connection: DuckDBConnection, sql: string): Promise<void> {
  // Of a text without a statement the library says "Error in native callback".
  const statements = await connection.extractStatements(sql).catch((error: unknown) => {
    if (/native callback/.test(messageOf(error))) return undefined;
    throw error;
  });
  const count = statements?.count ?? 0;
  if (!statements || count === 0)
    throw new UsageError('The SQL has no statement: give one, such as "SELECT count(*) FROM operations".');
  if (count > 1) throw new UsageError(`The SQL has ${count} statements: give one at a time.`);
  const { statementType } = await statements.prepare(0);
  const reads =
    statementType === StatementType.SELECT || (statementType === StatementType.EXPLAIN && EXPLAINED.test(sql));
  if (!reads) throw notAllowed(statementType);
}

/** EXPLAIN ANALYZE executes what it explains. */
const EXPLAINED = /^\s*EXPLAIN\s+(ANALYZE\s+)?(SELECT|FROM|WITH|VALUES)\b/i;

function notAllowed(type: StatementType): UsageError {
  const name = StatementType[type].replaceAll('_', ' ');
  return new UsageError(
    `The SQL is a statement of type ${name}, and only reads are allowed: what they print can go to a file, as in ` +
      '`windtunnel query RUN "FROM deadlocks" > deadlocks.tsv`.',
  );
}
