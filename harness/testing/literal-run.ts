import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type LiteralRun, literalManifest, literalTables } from '../judge/literal-run.ts';

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
