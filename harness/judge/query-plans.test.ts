import type { DuckDBConnection } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { withLiteralRun } from '../testing/judge-literal.ts';
import { readAssumptions } from './assumptions.ts';
import { readInvariants } from './invariants.ts';
import { rowsOf } from './open-run.ts';

/** DuckDB's join that compares each row of the one side with all of the other. */
const EACH_WITH_ALL = /BLOCKWISE_NL_JOIN/;

/** Where the one side is always few rows: the backfills of a run, and the last reading of a counter. */
const FEW: readonly string[] = [
  'backfill-completes-after-its-runs violations',
  'backfill-does-not-block violations',
  'operations-reconciled judgement',
];

/** Enough that nothing is planned as empty. */
const RUN = {
  lives: [{}],
  operations: [
    { op: 1, kind: 'run', sent_ms: 1_000 },
    { op: 2, kind: 'heartbeat', sent_ms: 2_000 },
  ] as const,
  commits: [
    { seq: 1, id: 'ti-1', committed_ms: 900, state: 'queued', writer: 'wt-scheduler-1' },
    { seq: 2, id: 'ti-1', committed_ms: 1_001, state: 'running', writer: 'wt-api-execution-1' },
    { seq: 3, id: 'ti-1', committed_ms: 3_000, state: 'success', writer: 'wt-api-execution-1' },
  ],
};

async function isSlow(connection: DuckDBConnection, sql: string): Promise<boolean> {
  return EACH_WITH_ALL.test(JSON.stringify(await rowsOf(connection, `EXPLAIN ${sql}`)));
}

test('no part of judging grows with the square of a run', { timeout: 120_000 }, async () => {
  const slow = await withLiteralRun(RUN, async (run) => {
    await run.materialise('kept_changes');
    await run.prepare('FROM carried_out');
    const found: string[] = [];
    const views = await run.rows('SELECT view_name FROM duckdb_views() WHERE NOT internal');
    const connection = await run.connect();
    for (const { view_name } of views) {
      if (await isSlow(connection, `FROM "${String(view_name)}"`)) found.push(`the view ${String(view_name)}`);
    }
    for (const { name, sections } of [...(await readInvariants()), ...(await readAssumptions())]) {
      const { given = '', ...others } = sections;
      // Each statement stands on those before it.
      for (const statement of given.split(/;\n/).filter((text) => text.trim() !== '')) {
        const select = statement.replace(/^[\s\S]*?CREATE TEMP TABLE \w+ AS\b/, '');
        if (await isSlow(connection, select)) found.push(`${name} given`);
        await connection.run(statement);
      }
      for (const [section, sql] of Object.entries(others)) {
        if (await isSlow(connection, sql)) found.push(`${name} ${section}`);
      }
      for (const { table_name } of await rowsOf(connection, 'SELECT table_name FROM duckdb_tables() WHERE temporary'))
        await connection.run(`DROP TABLE "${String(table_name)}"`);
    }
    connection.closeSync();
    return found;
  });
  expect(slow.filter((place) => !FEW.includes(place))).toEqual([]);
});
