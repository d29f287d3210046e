import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test, vi } from 'vitest';

import { judgeAside } from './judge.ts';

test('a judge that does not end is ended, and its window has no verdict', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wt-judge-'));
  vi.stubEnv('WINDTUNNEL_CACHE', path.join(folder, 'cache'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const judging = judgeAside(folder, { log: path.join(folder, 'log'), invariants: undefined, withinMs: 1 });
  await expect(judging).rejects.toThrow(/^judging \S+ took more than 0\.001 s without a verdict/);
});
