import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type LiteralRun, literalManifest, literalTables } from '../judge/literal-run.ts';
import { noteGap } from '../model/run-context.ts';

export { type LiteralRun, literalManifest, TASK } from '../judge/literal-run.ts';

/** Tests only: writes the run to a folder of its own. `remove` takes it away again. */
export function writeLiteralRun(run: LiteralRun): { folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-literal-'));
  mkdirSync(path.join(folder, 'raw'));
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(literalManifest(run)));
  for (const [name, rows] of Object.entries(literalTables(run))) {
    if (rows)
      writeFileSync(path.join(folder, 'raw', `${name}.ndjson`), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What the harness notes after 12 s where a table of the record lacks something. */
export function gap(...[table, message]: [Parameters<typeof noteGap>[1], string]): Record<string, unknown> {
  const rows: object[] = [];
  const record = { append: (_: string, row: object) => rows.push(row), flush: async () => undefined, behindMs: 0 };
  noteGap({ record, clock: { now: () => 12_000 } }, table, message);
  return { ...rows[0] };
}
