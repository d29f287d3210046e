import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { windtunnel } from './airflow.ts';
import { documentedCommands, PLAYED } from './documented.ts';
import { callInProcess } from './in-process.ts';

/**
 * The commands of the documents that take seconds, as they stand there, on a run that was just recorded. What takes
 * longer is run by `npm run documented` every night, and PLAYED says why.
 */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const lines = [...new Set((await documentedCommands()).map(({ line }) => line))];
const playedNow = lines.filter((line) => PLAYED.find((rule) => rule.lines.test(line))?.when === 'now');
const documented = await documentedCommands();

let cwd: string;
let run: string;

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-documented-'));
  run = path.join(cwd, 'RUN');
  const flags = ['--build', 'reference+rtif-merge', '--seed', '1', '--duration', '8s', '--out', run, '--quiet'];
  const { code, stderr } = await windtunnel(['run', 'seeds', ...flags], cwd);
  // Fields that were refused are a violation; a machine that is too slow for eight seconds to show it proves nothing.
  expect([1, 3], stderr).toContain(code);
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('there are commands of each kind', () => {
  for (const kind of ['list', 'doctor', 'check', 'explain', 'query', 'report'])
    expect(playedNow.filter((line) => line.startsWith(`windtunnel ${kind}`))).not.toEqual([]);
});

test.each(playedNow)('%s', async (line) => {
  const [, ...words] = documented.find((command) => command.line === line)?.words ?? [];
  const filled = words.map((word) => word.replace(/^RUN\b/, run).replace(/^SQL$/, 'SELECT 1 AS one'));
  const { code, stdout, stderr } = await callInProcess(filled, cwd);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect([0, 1, 3], stderr).toContain(code);
  expect(stdout).not.toBe('');
});

test('the queries in docs/run-folder.md run on a run', async () => {
  const text = readFileSync(path.join(import.meta.dirname, '..', 'docs', 'run-folder.md'), 'utf8');
  const queries = [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split(/;\s*$/m))
    .map((query) => query.replace(/^--.*$/gm, '').trim())
    .filter((query) => /^(SELECT|FROM|WITH) /.test(query));
  expect(queries.length).toBeGreaterThan(2);
  for (const query of queries) {
    const { code, stderr } = await callInProcess(['query', run, query], cwd);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  }
});
