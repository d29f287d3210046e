import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readManifest } from '../harness/run-folder/manifest.ts';
import { writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

let run: { folder: string; remove(): void };
let cwd: string;
const called = (...words: string[]) => callInProcess(words, cwd);
/** In the command's words, with the folder of the user's invariants. */
const withOwn = (...words: string[]) => called(...words, '--invariants', 'invariants');

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-own-'));
  run = writeLiteralRun({
    // As `run --invariants` leaves it.
    manifest: { own_invariants: ['tasks-start-soon'] },
    operations: [{}],
    lives: [{}],
    commits: [
      { state: 'queued', committed_ms: 1_000, writer: 'wt-scheduler-1' },
      { state: 'running', committed_ms: 71_000, writer: 'wt-api-execution-1' },
    ],
  });
  await called('new', 'invariant', 'tasks-start-soon');
});
afterAll(() => {
  run.remove();
  rmSync(cwd, { recursive: true, force: true });
});

const NOT_JUDGED = 'Not judged, because no --invariants folder has them: tasks-start-soon.\n';

test('a new invariant and its test work as they are written', async () => {
  const { code, stdout } = await called('check', '--test', 'invariants/tasks-start-soon.test.yaml');
  expect(stdout).toContain('3 of 3 hold');
  expect(code).toBe(0);
});

test.each([
  ['check', ['--json'], '"name": "tasks-start-soon"'],
  ['explain', [], 'A task waited for more than a minute in the queue'],
  ['report', ['--format', 'markdown'], 'A task waited for more than a minute in the queue'],
] as const)('%s judges them with --invariants, and says that it did not without', async (command, flags, finds) => {
  const judged = await withOwn(command, run.folder, ...flags);
  expect(judged.stdout).toContain(finds);
  expect(judged.stderr).toBe('');
  const without = await called(command, run.folder, ...flags);
  expect(without.stdout).not.toContain(finds);
  expect(without.stderr).toBe(NOT_JUDGED);
});

test('compare judges stored runs by them', async () => {
  const judged = await withOwn('compare', run.folder, run.folder, '--out', 'compared');
  expect(judged.stderr).toBe('');
  expect(readFileSync(path.join(cwd, 'compared', 'compare.json'), 'utf8')).toContain('tasks-start-soon');
  expect((await called('compare', run.folder, run.folder, '--out', 'without')).stderr).toBe(NOT_JUDGED);
  expect(readFileSync(path.join(cwd, 'without', 'compare.json'), 'utf8')).not.toContain('tasks-start-soon');
  expect((await readManifest(run.folder)).own_invariants).toEqual(['tasks-start-soon']);
});

test('what is wrong with them is said by each command, with what is wrong with the other flags', async () => {
  const bad = 'compare airflow@3.2.1 nope --invariants none';
  for (const words of [bad, 'soak seeds --build nope --invariants none', 'run seeds --build nope --invariants none']) {
    const { code, stderr } = await called(...words.split(' '));
    expect(stderr).toMatch(/"nope" is not a build[\s\S]*The invariants in none cannot be read/);
    expect(code).toBe(2);
  }
  const { stderr } = await called('soak', '--resume', 'there', '--invariants', 'invariants');
  expect(stderr).toMatch(/--resume cannot be given with --invariants/);
});

test('a new scenario is whole, and both it and `new` say by which run it is tested', async () => {
  const { stdout } = await called('new', 'scenario', 'wide');
  const command = 'windtunnel run ./wide.ts --build reference --seed 1';
  expect(stdout).toContain(command);
  expect(readFileSync(path.join(cwd, 'wide.ts'), 'utf8')).toContain(`//     ${command}\n`);
  // What is wrong with a scenario file would be said as well.
  const { stderr } = await called(...command.split(' ').slice(1), '--schedulers', '99');
  expect(stderr).toBe('--schedulers must be a whole number from 1 to 32, not 99\n');
});
