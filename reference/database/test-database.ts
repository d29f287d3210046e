import { newDatabase } from '../../harness/testing/database.ts';
import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';

/** A real PostgreSQL with the reference stack's tables, for a test file. */
export async function testDatabase(): Promise<{ readonly dsn: string; close(): Promise<void> }> {
  const { dsn, drop } = await newDatabase(REFERENCE_TEMPLATE);
  return { dsn, close: drop };
}
