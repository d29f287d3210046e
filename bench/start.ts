/**
 * How long a run takes besides its load: from the command to the load, and from the load's end to the verdict; then
 * where that goes, step by step, and the CPU that each process had used when the stack was ready.
 *
 *     npm run bench:start -- [--build airflow@3.3.2] [--scenario seeds] [--runs 3] [--duration 15s]
 *
 * The build is installed before, by a run of a few seconds that is not counted.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Manifest } from '../harness/model/manifest.ts';
import type { TimedStep } from '../harness/model/timing.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { flagsOf } from '../scripts/flags.ts';
import { spread } from './spread.ts';

const { values } = flagsOf({
  options: {
    build: { type: 'string', default: 'airflow@3.3.2' },
    scenario: { type: 'string', default: 'seeds' },
    runs: { type: 'string', default: '3' },
    duration: { type: 'string', default: '15s' },
  },
});

interface Timed {
  /** Seconds, by what is printed. */
  readonly totals: Readonly<Record<string, number>>;
  readonly steps: readonly TimedStep[];
  readonly cpu: Readonly<Record<string, number>>;
}

/** A run and, for the first one, the installation of its build. */
const RUN_MS = 30 * 60_000;
const folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-bench-'));
try {
  play('first', '5s');
  const all = Array.from({ length: Number(values.runs) }, (_, i) => play(`run-${i}`, values.duration));
  console.log(`${values.build}, ${values.scenario}: seconds, least / median / most of ${all.length}`);
  print(all.map(({ totals }) => totals));
  console.log('\nsteps; some lie beside each other');
  print(all.map(({ steps }) => Object.fromEntries(steps.map((one) => [one.step, secondsOf(one)]))));
  console.log('\nCPU when the stack was ready');
  print(all.map(({ cpu }) => cpu));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function play(name: string, duration: string): Timed {
  const out = path.join(folder, name);
  const began = Date.now();
  const args = ['run', values.scenario, '--build', values.build, '--duration', duration, '--seed', '1001'];
  try {
    execFileSync(process.execPath, [WINDTUNNEL, ...args, '--out', out], { stdio: 'ignore', timeout: RUN_MS });
  } catch (error) {
    // A verdict of fail or unknown is an exit code, too.
    if (!existsSync(path.join(out, 'verdict.json'))) throw error;
  }
  const ended = Date.now();
  const read = (file: string): unknown => JSON.parse(readFileSync(path.join(out, file), 'utf8'));
  const { started_at, load_started_ms, load_ended_ms } = read('manifest.json') as Manifest;
  const { steps, cpu_s } = read('timings.json') as { steps: TimedStep[]; cpu_s: { ready: Record<string, number> } };
  if (load_started_ms === null || load_ended_ms === null) throw new Error(`the load of ${out} did not end`);
  const origin = Date.parse(started_at);
  const judged = steps.find(({ step }) => step === 'judge and report')?.ended_ms ?? Number.NaN;
  const totals = {
    'from the command to the load': (origin + load_started_ms - began) / 1000,
    'of these before the stack': (origin - began) / 1000,
    "from the load's end to the verdict": (judged - load_ended_ms) / 1000,
    "from the load's end to the command's": (ended - origin - load_ended_ms) / 1000,
  };
  return { totals, steps, cpu: cpu_s.ready };
}

function print(all: readonly Readonly<Record<string, number>>[]): void {
  for (const name of Object.keys(all[0] ?? {})) {
    console.log(
      `  ${name.padEnd(44)}${spread(
        all.map((one) => one[name] ?? Number.NaN),
        2,
      )}`,
    );
  }
}

function secondsOf({ began_ms, ended_ms }: TimedStep): number {
  return (ended_ms - began_ms) / 1000;
}
