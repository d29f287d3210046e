import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { queried } from '../scripts/program.ts';
import { expectNothingLeft, stacksFolder, start, until, whyNoAirflow, windtunnel, workerProcesses } from './airflow.ts';

const timeout = 900_000;
const why = await whyNoAirflow();
let cwd: string;
let stacks: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  stacks = stacksFolder(cwd);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function played(name: string, args: readonly string[]): Promise<Judgement> {
  const words = ['run', ...args, '--real-workers', '4', '--json', '--out', name];
  const { stdout, stderr } = await windtunnel(words, cwd, { TMPDIR: stacks });
  if (stdout === '') throw new Error(stderr.slice(-2_000));
  expectNothingLeft(stacks);
  return JSON.parse(stdout);
}

/** The logs of real workers, by life. */
function logsOf(name: string): ReadonlyMap<number, string> {
  const folder = path.join(cwd, name, 'logs', 'workers');
  return new Map(
    readdirSync(folder).map((file) => [
      Number(/^life-(\d+)\.log$/.exec(file)?.[1]),
      readFileSync(path.join(folder, file), 'utf8'),
    ]),
  );
}

describe.skipIf(why !== undefined)(`real workers${why ? ` (skipped: ${why})` : ''}`, () => {
  test.each(['3.1.8', '3.2.1', '3.2.2', '3.3.2', '3.4.0b2'])(
    'of %s do what they were drawn to do',
    { timeout },
    async (release) => {
      const build = `airflow@${release}`;
      const { invariants, assumptions } = await played(release, ['wave', '--build', build, '--duration', '40s']);
      expect(invariants.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
      expect(assumptions.find(({ name }) => name === 'run-completed')).toMatchObject({ verdict: 'pass' });

      const logs = logsOf(release);
      const lives = await queried(
        path.join(cwd, release),
        `SELECT life, "end", list(DISTINCT kind ORDER BY kind) AS kinds FROM lives JOIN operations USING (life)
       WHERE life IN (${[...logs.keys()].join(', ')}) GROUP BY ALL`,
      );
      const reported = lives.filter(({ end }) => end === 'reported');
      expect(reported.length).toBeGreaterThanOrEqual(4);
      for (const { kinds } of reported)
        expect(kinds).toEqual(expect.arrayContaining(['heartbeat', 'rtif', 'run', 'state']));
      // A JSON web token, whatever it is of.
      for (const log of logs.values()) expect(log).not.toMatch(/\beyJ[\w-]{10,}\./);
    },
  );

  test('of a harness that is killed end by themselves, and heal removes the rest', { timeout }, async () => {
    const words = ['run', 'wave', '--build', 'airflow@3.3.2', '--real-workers', '4', '--out', 'dead'];
    const run = start(words, cwd, { TMPDIR: stacks });
    await until('real workers', () => workerProcesses(stacks).length > 1);
    run.kill('SIGKILL');
    await run.ended;
    await until('the end of the real workers', () => workerProcesses(stacks).length === 0, 10_000);
    await windtunnel(['heal'], cwd, { TMPDIR: stacks });
    expectNothingLeft(stacks);
  });

  test('of 3.1.8 are killed for a task that a branch skipped (#63266)', { timeout }, async () => {
    const { invariants } = await played('killed', ['race-63266', '--build', 'airflow@3.1.8', '--duration', '60s']);
    expect(invariants.find(({ name }) => name === 'running-is-not-overwritten')).toMatchObject({ verdict: 'fail' });
    const killed = [...logsOf('killed').values()].filter((log) => log.includes('Server indicated the task'));
    expect(killed.length).toBeGreaterThan(0);
  });
});
