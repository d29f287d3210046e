import { existsSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import type { Manifest } from '../model/manifest.ts';
import { writeLiteralRun } from '../testing/literal-run.ts';
import { judgeRunFolder } from './judge-folder.ts';

test.each<[Manifest['ended'], boolean]>([
  ['completed', false],
  ['interrupted', false],
  [null, true],
])('a run that ended as %s: that its lines stay is %s', async (ended, stay) => {
  const { folder, remove } = writeLiteralRun({ manifest: { ended }, operations: [{}], commits: [{}] });
  try {
    await judgeRunFolder(folder);
    expect(existsSync(path.join(folder, 'raw', 'operations.ndjson'))).toBe(stay);
    expect(existsSync(path.join(folder, 'operations.parquet'))).toBe(!stay);
    expect(existsSync(path.join(folder, 'verdict.json'))).toBe(true);
  } finally {
    remove();
  }
});
