import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { yargsCommands } from '../harness/cli.ts';
import { literalManifest } from '../harness/judge/literal-run.ts';
import { UsageError } from '../harness/model/errors.ts';
import { SOAK_FORMAT } from '../harness/model/soak.ts';
import { SCENARIOS } from '../harness/run/catalogue.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { SoakFolder } from '../harness/soak/folder.ts';
import { bent } from '../harness/testing/bent.ts';
import { problemsOf } from '../workloads/problems.ts';
import { callInProcess } from './in-process.ts';

vi.setConfig({ testTimeout: 1_800_000 });

/** Whatever a user types or hands over: a sentence and exit code 2, or it is taken; never a stack trace. */

const STACK_TRACE = /\n\s+at .*:\d+:\d+/;
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-generated-'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** The kinds of value that flags take, and text of any kind that a command line can hold. */
const value = fc.oneof(
  fc.constantFrom('seeds', 'reference', 'airflow@3.2.2', '1', '0', '-1', '1e9', '30s', '5m', 'all', 'none', 'x.json'),
  fc.constantFrom('', ' ', '-', '--', '=', '..', '/', '/dev/null/x', './none.ts', 'NaN', '9'.repeat(400), '\u001b[2J'),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);

test('any words on the command line are refused in sentences', async () => {
  const help = async (name: string) => (await callInProcess([name, '--help'], cwd)).stdout;
  const names = yargsCommands(() => undefined).map(({ command }) => String(command).split(' ')[0] ?? '');
  const flags = new Set<string>();
  for (const name of names) for (const [flag] of (await help(name)).matchAll(/--[a-z][a-z-]+/g)) flags.add(flag);
  expect(flags.size).toBeGreaterThan(30);
  // These are answered, whatever else is on the line.
  for (const flag of ['--help', '--version']) flags.delete(flag);
  const flag = fc.tuple(fc.constantFrom(...flags), fc.constantFrom('', '='), value);
  const word = fc.oneof(
    flag.map(([name, sign, text]) => (sign === '' ? [name] : [`${name}=${text}`])),
    value.map((one) => [one]),
  );
  const line = fc.tuple(fc.oneof(fc.constantFrom(...names), value), fc.array(word, { maxLength: 6 }));
  await fc.assert(
    fc.asyncProperty(line, async ([name, words]) => {
      // With a flag that no command has nothing is started, and the rest is looked at all the same.
      const all = [name, '--no-such-flag', ...words.flat()].filter((one) => !one.includes('\0'));
      const { code, stdout, stderr } = await callInProcess(all, cwd);
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/\S/);
      expect(stderr).not.toMatch(STACK_TRACE);
      expect(stderr).not.toContain('\u001b');
    }),
    { numRuns: 3_000 },
  );
});

test('any scenario has problems, each in a line, or none', () => {
  let wrong = 0;
  fc.assert(
    fc.property(fc.oneof(bent(SCENARIOS), fc.jsonValue()), (scenario) => {
      const problems = problemsOf(scenario);
      if (problems.length > 0) wrong++;
      for (const problem of problems) expect(problem).toMatch(/^[^\n]+$/);
    }),
    { numRuns: 5_000 },
  );
  expect(wrong).toBeGreaterThan(1_000);
});

test('any manifest.json is read, or refused in a sentence', async () => {
  const manifest = literalManifest({});
  await refusedOrRead('manifest.json', [manifest], (folder) => readManifest(folder));
});

test('any soak.json is read, or refused in a sentence', async () => {
  await refusedOrRead('soak.json', [SOAK], async (folder) => SoakFolder.open(folder));
});

const WHEN = '2026-11-30T00:00:00Z';
const [scenario] = SCENARIOS;
const plan = { seed: 7, scenario, faults: [] };
const SOAK = {
  format: SOAK_FORMAT,
  id: 'abc123',
  subject: { build: 'reference' },
  plan,
  windows_planned: 3,
  keep: { windows: 3, bytes: 1e9 },
  started_at: WHEN,
  state: 'interrupted',
  why: null,
  verdict: 'unknown',
  never_tested: [],
  sessions: [{ number: 1, started_at: WHEN, harness: { pid: 7, born: '1' }, identity: null }],
  gaps: [{ from: WHEN, to: WHEN, window: null }],
  windows: [
    {
      number: 1,
      attempt: 1,
      session: 1,
      seed: 7,
      folder: 'windows/0001',
      started_at: WHEN,
      ended: null,
      seam_s: null,
      judged: null,
      bytes: 0,
      whole: true,
      readings: {},
    },
  ],
  drift: [],
};

test('the files that are bent are in order themselves', async () => {
  for (const [name, value] of [
    ['manifest.json', literalManifest({})],
    ['soak.json', SOAK],
  ] as const)
    writeFileSync(path.join(cwd, name), JSON.stringify(value));
  expect(await readManifest(cwd)).toHaveProperty('plan');
  expect(SoakFolder.open(cwd).soak).toMatchObject({ id: 'abc123' });
});

async function refusedOrRead(
  name: string,
  values: readonly object[],
  read: (folder: string) => Promise<unknown>,
): Promise<void> {
  const folder = path.join(cwd, name.replace('.json', ''));
  mkdirSync(folder, { recursive: true });
  let refused = 0;
  const texts = fc.oneof(
    bent(values).map((one) => JSON.stringify(one)),
    fc.json(),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      writeFileSync(path.join(folder, name), text);
      try {
        await read(folder);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(UsageError);
        expect(String(error)).not.toMatch(STACK_TRACE);
      }
    }),
    { numRuns: 3_000 },
  );
  expect(refused).toBeGreaterThan(1_000);
}
