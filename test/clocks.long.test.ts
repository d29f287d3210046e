import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { start, until, whyNoAirflow, windtunnel } from './airflow.ts';
import { whyMissing } from './missing.ts';

/** Only PostgreSQL has a clock that is off: `set-clock.c` is loaded into every process, and does nothing in others. */
const noCompiler = await whyMissing('a C compiler', async () => execFileSync('cc', ['--version']));
const noAirflow = await whyNoAirflow();

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-clocks-'));
  // As root, PostgreSQL runs as another user.
  chmodSync(cwd, 0o711);
  if (noCompiler === undefined)
    execFileSync('cc', ['-shared', '-fPIC', '-o', library(), path.join(import.meta.dirname, 'set-clock.c')]);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function library(): string {
  return path.join(cwd, 'set-clock.so');
}

/** Sets the clock of PostgreSQL ahead by so many seconds, also while it runs. Returns the environment for that. */
function setClock(name: string, seconds: number): NodeJS.ProcessEnv {
  const file = path.join(cwd, `${name}.clock`);
  writeFileSync(file, String(seconds));
  return { LD_PRELOAD: library(), SET_CLOCK_FILE: file, WINDTUNNEL_PASS_ENV: 'LD_PRELOAD,SET_CLOCK_FILE' };
}

const words = (build: string, out: string) => [
  ...['run', 'seeds', '--build', build, '--seed', '6', '--duration', '20s', '--out', out, '--json'],
];

async function judged(build: string, name: string, seconds: number): Promise<Judgement> {
  const { stdout, stderr } = await windtunnel(words(build, name), cwd, setClock(name, seconds));
  if (stdout === '') throw new Error(stderr.slice(-2_000));
  return JSON.parse(stdout);
}

function failed({ invariants }: Judgement): string[] {
  return invariants.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
}

function clocks({ assumptions }: Judgement) {
  return assumptions.find(({ name }) => name === 'clocks-agree');
}

const OFF = [0.5, -0.5, 2, -2];
const sentenceOf = (off: number) => `was ${Math.abs(off).toFixed(1)} s ${off > 0 ? 'ahead' : 'behind'}`;

/** A defect with one cause, of which violations follow that depend on times. */
const DEFECT = 'reference+skip-unguarded';
const RACE = '#63266';

test.skipIf(noCompiler)(
  'a clock that is half a second or two off changes nothing that is found',
  {
    timeout: 1_800_000,
  },
  async () => {
    for (const off of OFF) {
      const found = await judged(DEFECT, `defect${off}`, off);
      expect(clocks(found)).toMatchObject({ verdict: 'pass', sentence: expect.stringContaining(sentenceOf(off)) });
      expect(failed(found)).toContain('running-is-not-overwritten');
      expect(found.findings.filter(({ known_race }) => known_race !== RACE)).toEqual([]);
    }
  },
);

test.skipIf(noCompiler)(
  'a clock that is set in mid-run puts in doubt what depends on it, and violates nothing',
  {
    timeout: 1_800_000,
  },
  async () => {
    for (const off of [2, -2]) {
      const name = `set${off}`;
      const run = start(words('reference', name), cwd, setClock(name, 0));
      await until('the load', () => run.stderr().includes('· load'), 600_000);
      await sleep(8_000);
      setClock(name, off);
      const { stdout } = await run.ended;
      const found: Judgement = JSON.parse(stdout);
      expect(failed(found)).toEqual([]);
      expect(found.verdict).toBe('unknown');
      const sentence = off > 0 ? /was set forward by (2\.0|1\.9) s after/ : /was set back by (2\.0|1\.9) s after/;
      expect(clocks(found)).toMatchObject({ verdict: 'fail', sentence: expect.stringMatching(sentence) });
    }
  },
);

test.skipIf(noCompiler ?? noAirflow)(
  'the real Airflow violates nothing because of the clock of its database',
  {
    timeout: 3_600_000,
  },
  async () => {
    for (const off of OFF) {
      const found = await judged('airflow@3.3.2', `real${off}`, off);
      expect(clocks(found)).toMatchObject({ verdict: 'pass', sentence: expect.stringContaining(sentenceOf(off)) });
      expect(failed(found)).toEqual([]);
    }
  },
);
