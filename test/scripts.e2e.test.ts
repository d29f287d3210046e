import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const withFlags = ['scripts', 'bench']
  .flatMap((folder) => readdirSync(path.join(root, folder)).map((name) => path.join(folder, name)))
  .filter((file) => file.endsWith('.ts') && readFileSync(path.join(root, file), 'utf8').includes(' = flagsOf({'));

test('there are scripts with flags', () => {
  expect(withFlags).toContain('scripts/truth-table.ts');
  expect(withFlags).toContain('bench/fleet.ts');
});

test.each(withFlags)('%s says in a sentence that it does not know a flag, and does nothing', (file) => {
  const args = ['--import', './bin/typescript.mjs', file, '--no-such-flag'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: "Unknown option '--no-such-flag'.\n" });
});
