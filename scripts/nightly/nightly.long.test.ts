import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { EvidenceRecord, Round } from './records.ts';

let top: string;

beforeAll(() => {
  top = mkdtempSync(path.join(tmpdir(), 'windtunnel-nightly-'));
  // A checkout of its own: the round must not depend on what is uncommitted in this one.
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: top });
  writeFileSync(path.join(top, '.gitignore'), '/work/\n/records/\n/main.mts\n/brief.mts\n');
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'begin');
  writeFileSync(path.join(top, 'main.mts'), MAIN);
  writeFileSync(path.join(top, 'brief.mts'), BRIEF);
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

const here = (file: string) => JSON.stringify(path.join(import.meta.dirname, file));
/** Two real commands of windtunnel: what there is, and a run of a few seconds. */
const MAIN = `
import path from 'node:path';
import { runNightly } from ${here('run.ts')};
const windtunnel = ${here('../../bin/windtunnel.mjs')};
const evidence = {
  name: 'tiny', title: 'A short run', command: 'windtunnel run brief.mts', keeps: 'run.log',
  steps: [
    { name: 'list', minutes: 0.1, args: () => [windtunnel, 'list'] },
    { name: 'run', minutes: 1, args: ({ work, seed }) => [windtunnel, 'run', path.join(import.meta.dirname, 'brief.mts'),
      '--build', 'reference', '--seed', String(seed), '--out', path.join(work, 'run-' + process.pid)] },
  ],
};
const passed = await runNightly({
  all: [evidence], chosen: [evidence], budgetS: Number(process.argv[2]), root: import.meta.dirname,
  records: path.join(import.meta.dirname, 'records'), work: path.join(import.meta.dirname, 'work'),
  signal: new AbortController().signal, print: (line) => console.log(line),
});
process.exitCode = passed ? 0 : 1;
`;

const BRIEF = `
import { fanOut, PLAIN_STACK } from ${here('../../workloads/shapes.ts')};
export const scenario = {
  ...PLAIN_STACK, name: 'brief', describe: 'A few tasks', duration_s: 4, dags: [fanOut('wt_brief', 5, [300, 600])],
  operators: [{ operator: 'trigger', dags: ['wt_brief'], every_ms: 1000, start_after_ms: 0 }], aims: [],
};
`;

interface Nightly {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

function nightly(budgetS: number): Nightly {
  const child = spawn(process.execPath, [
    '--import',
    path.join(import.meta.dirname, '..', '..', 'bin', 'typescript.mjs'),
    path.join(top, 'main.mts'),
    String(budgetS),
  ]);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += chunk;
    });
  return { child, output: () => text, ended: once(child, 'exit') };
}

const round = () => JSON.parse(readFileSync(path.join(top, 'work', 'round.json'), 'utf8')) as Round;

test('what was done is kept when the nightly is killed, and its result has commit and machine', async () => {
  const short = nightly(100);
  await short.ended;
  // 0.1 min and the grace fit in 100 s, a minute does not.
  expect(short.output()).toMatch(/tiny, list: pass[\s\S]*tiny, run: does not fit[\s\S]*Left for the next time: tiny/);

  const killed = nightly(600);
  while (!existsSync(path.join(top, 'work', 'round.json')) || round().running === null) await sleep(50);
  const orphan = round().running;
  killed.child.kill('SIGKILL');
  await killed.ended;
  expect(round().steps.tiny?.map(({ name, result }) => [name, result])).toEqual([['list', 'pass']]);

  const resumed = nightly(600);
  await resumed.ended;
  expect(resumed.output()).toMatch(/tiny {15}about 60 s +1 step, 1 done/);
  expect(resumed.output()).not.toMatch(/tiny, list/);
  expect(resumed.output()).toMatch(/tiny, run: (pass|fail) in [\s\S]*Nothing is left in this round/);
  expect(() => process.kill(-(orphan?.pid ?? 0), 0)).toThrow(/ESRCH/);
  const record = JSON.parse(readFileSync(path.join(top, 'records', 'nightly', 'tiny.json'), 'utf8')) as EvidenceRecord;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: top, encoding: 'utf8' }).trim();
  expect(record).toMatchObject({ commit, machine: { node: process.version }, result: 'pass' });
  expect(record.steps.map(({ name, exit_code }) => [name, exit_code])).toEqual([
    ['list', 0],
    ['run', 0],
  ]);
  // The run's own output.
  expect(readFileSync(path.join(top, 'records', 'nightly', 'run.log'), 'utf8')).toContain('brief');
  expect(readFileSync(path.join(top, 'records', 'README.md'), 'utf8')).toContain(
    `| tiny | ${record.ended_at.slice(0, 10)} | \`${commit}\` |`,
  );
}, 240_000);
