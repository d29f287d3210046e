import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

const FOLDER = path.join(import.meta.dirname, '..', '.github', 'workflows');

test.each(readdirSync(FOLDER))('%s runs actions by their commit, and keeps no token on the disk', (name) => {
  const text = readFileSync(path.join(FOLDER, name), 'utf8');
  const used = [...text.matchAll(/uses: (.+)/g)].map(([, what = '']) => what);
  expect(used.length).toBeGreaterThan(0);
  for (const what of used) expect(what).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  const tokens = text.match(/persist-credentials: false/g) ?? [];
  expect(tokens).toHaveLength(used.filter((what) => what.startsWith('actions/checkout@')).length);
});
