import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '..');
const FOLDER = path.join(ROOT, '.github', 'workflows');

test.each(readdirSync(FOLDER))('%s runs actions by their commit, and keeps no token on the disk', (name) => {
  const text = readFileSync(path.join(FOLDER, name), 'utf8');
  const used = [...text.matchAll(/uses: (.+)/g)].map(([, what = '']) => what);
  expect(used.length).toBeGreaterThan(0);
  for (const what of used) expect(what).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  const tokens = text.match(/persist-credentials: false/g) ?? [];
  expect(tokens).toHaveLength(used.filter((what) => what.startsWith('actions/checkout@')).length);
});

/** What would install whatever a registry has that day. */
const UNPINNED = /\bnpm (install|i|exec)\b|\bnpx (?!windtunnel\b)|\bpip3? install\b|\bpipx\b|\buvx\b|\buv .*--with\b/;

test('what tests and workflows install is held to a lock or a checksum', () => {
  const scripts = [
    '.ci/run',
    'scripts/nightly/evidence.ts',
    ...readdirSync(FOLDER).map((name) => path.join('.github/workflows', name)),
  ];
  for (const name of scripts) {
    const lines = readFileSync(path.join(ROOT, name), 'utf8').split('\n');
    const code = lines.filter((line) => !/^\s*(#|\/\/|\/?\*)/.test(line) && !line.includes('npx vitest'));
    expect(
      code.filter((line) => UNPINNED.test(line) && !line.includes(' --require-hashes -r ')),
      name,
    ).toEqual([]);
    for (const go of code.filter((line) => /\bgo (install|run) /.test(line))) expect(go).toMatch(/@v\d+\.\d+\.\d+$/);
  }
  const locks = ['package-lock.json', 'test/nodes/package-lock.json'].map((name) =>
    readFileSync(path.join(ROOT, name), 'utf8'),
  );
  for (const text of locks) {
    const { '': _, ...packages }: Record<string, { integrity?: string }> = JSON.parse(text).packages;
    expect(Object.values(packages).length).toBeGreaterThan(5);
    for (const { integrity } of Object.values(packages)) expect(integrity).toMatch(/^sha512-/);
  }
  const python = readFileSync(path.join(ROOT, 'test/check-statistics.py.lock'), 'utf8');
  for (const url of python.match(/\{ url = .*/g) ?? []) expect(url).toMatch(/hash = "sha256:[0-9a-f]{64}"/);
});
