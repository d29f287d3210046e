import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { writeLiteralRun } from '../harness/testing/literal-run.ts';
import { callInProcess } from './in-process.ts';

type Written = ReturnType<typeof writeLiteralRun>;

let broken: Written;
let again: Written;
let cwd: string;
const file = (name: string) => readFileSync(path.join(cwd, name), 'utf8');

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-known-'));
  // The server answered 500, and the log names no cause.
  broken = writeLiteralRun({ operations: [{ kind: 'state', outcome: 'unknown', status: 500 }] });
  // The same defect another night, in another DAG and of another seed.
  const manifest = { id: '000002', started_at: '2026-11-21T10:00:00.000Z' };
  const other = { dag_id: 'wt_other', task_id: 'elsewhere', run_id: 'manual__2' };
  again = writeLiteralRun({ manifest, operations: [{ ...other, kind: 'state', outcome: 'unknown', status: 500 }] });
});
afterAll(() => {
  for (const run of [broken, again]) run.remove();
  rmSync(cwd, { recursive: true, force: true });
});

test('what a run found is known of the next, and without it new: the reports and the exit code say both', async () => {
  const written = await callInProcess(['known', '--from', broken.folder, '--out', 'known.yaml'], cwd);
  expect(written).toMatchObject({ code: 0, stdout: 'known.yaml: 1 finding of 1 run\n' });
  writeFileSync(path.join(cwd, 'none.yaml'), file('known.yaml').replace(/^findings:[\s\S]*?\n\n/m, 'findings: []\n\n'));

  const fresh = await callInProcess(['check', again.folder, '--known', 'none.yaml'], cwd);
  expect(fresh.code).toBe(1);
  expect(fresh.stdout).toMatch(/\nFAIL {2}.* violated 1 of[\s\S]*\n✗ Known findings \(none\.yaml\): new: /);
  const junit = () => readFileSync(path.join(again.folder, 'junit.xml'), 'utf8');
  expect(junit()).toMatch(/name="error-contract">\s*<failure message="1 violation/);

  // A run of one request proves nothing: unknown stays unknown.
  const known = await callInProcess(['check', again.folder, '--known', 'known.yaml'], cwd);
  expect(known.code).toBe(3);
  expect(known.stdout).toMatch(
    /\nFAIL {2}[\s\S]*\n\? Known findings \(known\.yaml\): nothing is new or worse; .*still there/,
  );
  expect(junit()).toMatch(/name="error-contract">\s*<skipped message="as known: 1 violation/);
  const verdict: unknown = JSON.parse(readFileSync(path.join(again.folder, 'verdict.json'), 'utf8'));
  expect(verdict).toMatchObject({
    verdict: 'fail',
    known: { verdict: 'unknown', findings: [{ status: 'still there', in_run: ['F1'] }] },
  });
  expect(readFileSync(path.join(again.folder, 'report.html'), 'utf8')).toContain('nothing is new or worse');
});

test('a later run is taken in, and one that is there already is not counted again', async () => {
  const words = ['known', '--from', broken.folder, again.folder, '--known', 'known.yaml', '--out', 'more.yaml'];
  const called = await callInProcess(words, cwd);
  expect(called).toMatchObject({ code: 0, stdout: 'more.yaml: 1 finding of 2 runs\n' });
  expect(called.stderr).toMatch(/^Already in the file, and not counted again: /);
  expect(file('more.yaml')).toContain('    runs: 2 # of 2\n');
});

test('a verdict by other rules than today’s is made again from the record, and stays where it is', async () => {
  const verdict = path.join(again.folder, 'verdict.json');
  const stored = JSON.parse(readFileSync(verdict, 'utf8'));
  const found = async (changed: object) => {
    writeFileSync(verdict, JSON.stringify({ ...stored, findings: [], ...changed }));
    return (await callInProcess(['known', '--from', again.folder, '--out', 'found.yaml'], cwd)).stdout;
  };
  expect(await found({})).toBe('found.yaml: 0 findings of 1 run\n');
  expect(await found({ rules: 'older' })).toBe('found.yaml: 1 finding of 1 run\n');
  expect(await found({ rules: undefined })).toBe('found.yaml: 1 finding of 1 run\n');
  expect(JSON.parse(readFileSync(verdict, 'utf8')).findings).toEqual([]);
});

test('all that is wrong is said at once, with exit code 2, and nothing is written', async () => {
  writeFileSync(path.join(cwd, 'newer.yaml'), 'format: 2\n');
  const both = await callInProcess(['check', 'nowhere', '--known', 'newer.yaml'], cwd);
  expect(both).toMatchObject({ code: 2, stdout: '' });
  expect(both.stderr).toMatch(/nowhere is not a run folder[\s\S]*newer\.yaml is of format 2/);
  const flags = await callInProcess(['known', '--known', 'newer.yaml', '--expires-after', '0'], cwd);
  expect(flags.stderr).toMatch(/is of format 2[\s\S]*--from RUN/);
  const runs = await callInProcess(['known', '--from', 'nowhere', cwd], cwd);
  expect(runs.stderr).toMatch(/^nowhere is no stored run[^\n]*\n\S+ is no stored run, no folder of runs and no soak/);
  const begun = ['run', 'nothing', '--known', 'newer.yaml'];
  expect((await callInProcess(begun, cwd)).stderr).toMatch(/no scenario "nothing"[\s\S]*newer\.yaml is of format 2/);
});
