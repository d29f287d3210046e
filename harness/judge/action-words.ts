import { DuckDBInstance } from '@duckdb/node-api';

import { literal } from '../run-folder/files.ts';
import { rowsOf, SETTINGS } from './open-run.ts';
import { readViewFiles, Views } from './views.ts';

/**
 * What processes do, in words that follow their names, from the kind of the request that each serves (null: none, or
 * not known) and its statement: the words of the verdict, for a sentence before there is one. Null: no words for it.
 */
export async function actionWords(
  sides: readonly { readonly kind: string | null; readonly statement: string }[],
): Promise<(string | null)[]> {
  if (sides.length === 0) return [];
  const database = await DuckDBInstance.create(':memory:', { ...SETTINGS, threads: '1' });
  const connection = await database.connect();
  try {
    await new Views(connection, await readViewFiles()).prepare('action_of');
    const words = sides.map(
      ({ kind, statement }, index) =>
        `action_of(${kind === null ? 'NULL' : literal(kind)}, ${literal(statement)}) AS "${index}"`,
    );
    const [row = {}] = await rowsOf(connection, `SELECT ${words.join(', ')}`);
    return sides.map((_, index) => (typeof row[index] === 'string' ? row[index] : null));
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}
