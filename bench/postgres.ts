import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { startPostgres } from '../harness/stacks/postgres.ts';
import { freePorts } from '../harness/system/ports.ts';
import { ProcessTable } from '../harness/system/process-table.ts';

/** A PostgreSQL as runs have it, and a folder for files; both are removed in the end. */
export async function withPostgres(
  { fsync }: { readonly fsync: boolean },
  measure: (postgres: { readonly dsn: string; readonly port: number; readonly scratch: string }) => Promise<void>,
): Promise<void> {
  const table = new ProcessTable(`bench-${process.pid}`);
  const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
  try {
    const [port = 0] = await freePorts(1);
    const folder = table.folder(path.join(tmpdir(), `wt-bench-${process.pid}`));
    const log = path.join(scratch, 'postgres.log');
    const postgres = await startPostgres({ table, folder, port, log, fsync, signal: AbortSignal.timeout(60_000) });
    await measure({ dsn: postgres.dsn('postgres'), port, scratch });
  } finally {
    await table.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}
