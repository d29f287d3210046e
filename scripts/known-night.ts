/**
 * A night on a release with its known findings, in parts: what it shows that the file does not have.
 *
 *     npm run known-night -- [--build airflow@3.3.2] [--known records/known/airflow-3.3.2.yaml] [--scenario seeds]
 *                            [--hours 6] [--part 1h] [--new NAME] [--seed 1] [--out runs/known-night]
 *
 * A soak with windows of ten minutes. When a part of it has lasted as long as --part, it is interrupted at the end of a
 * window; the next start continues it. --new: this finding must be new, and nothing else, as on a build from which the
 * guard against it was taken. Exit code: 0 as expected so far, 1 something else is new or worse or --new is not there
 * at the end, 2 wrong arguments, 4 the soak could not be run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Soak } from '../harness/model/soak.ts';
import { parseSeconds } from '../harness/run/plan.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { flagsOf } from './flags.ts';

/** How often the index is looked at. */
const LOOK_MS = 2_000;
/** A window with its seam and the start of a stack, beyond the part: then the soak hangs. */
const LONGEST_WINDOW_MS = 25 * 60_000;
const WINDOW = '10m';

const { values } = flagsOf({
  options: {
    build: { type: 'string', default: 'airflow@3.3.2' },
    known: { type: 'string', default: 'records/known/airflow-3.3.2.yaml' },
    scenario: { type: 'string', default: 'seeds' },
    hours: { type: 'string', default: '6' },
    part: { type: 'string', default: '1h' },
    new: { type: 'string' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/known-night' },
  },
});
const out = path.resolve(values.out);
const [hours, partS] = [Number(values.hours), parseSeconds(values.part)];

const problems = [
  ...(Number.isInteger(hours) && hours >= 1 ? [] : [`--hours must be a whole number from 1, not "${values.hours}".`]),
  ...(partS === undefined ? [`--part must be like 30m or 2h, not "${values.part}".`] : []),
];
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  process.exitCode = await playPart((partS ?? 0) * 1000);
}

async function playPart(partMs: number): Promise<number> {
  const before = index();
  if (before?.state !== 'completed') {
    console.error(`${progress(before)} One part: ${values.part}, and at most a window more.`);
    const args = before
      ? ['--resume', out, '--build', values.build]
      : [values.scenario, '--build', values.build, '--duration', `${hours}h`, '--window', WINDOW].concat([
          '--known',
          values.known,
          '--seed',
          values.seed,
          '--out',
          out,
        ]);
    const soak = spawn(process.execPath, [WINDTUNNEL, 'soak', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    const code = await untilPartEnds(soak, partMs);
    if (code !== null && ![0, 1, 3, 130].includes(code)) return code === 2 ? 2 : 4;
  }
  return said();
}

/** Interrupts it when its time is over and a window has ended, so that little load is played for nothing. */
async function untilPartEnds(soak: ChildProcess, partMs: number): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => soak.once('exit', (code) => resolve(code)));
  const interrupt = () => void soak.kill('SIGINT');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const began = performance.now();
  let atEnd: number | undefined;
  while (soak.exitCode === null) {
    await Promise.race([ended, sleep(LOOK_MS)]);
    const over = performance.now() - began - partMs;
    if (over < 0) continue;
    atEnd ??= judgedWindows(index());
    if (judgedWindows(index()) > atEnd || over > LONGEST_WINDOW_MS) break;
  }
  if (soak.exitCode === null) interrupt();
  return ended;
}

function said(): number {
  const soak = index();
  console.log(progress(soak));
  const found = soak?.known?.findings ?? [];
  for (const { status, name, title, sentence } of found) console.log(`  ${status}: ${name ?? title}. ${sentence}`);
  const fresh = found.filter(({ status }) => status === 'new' || status === 'worse');
  const others = fresh.filter(({ name, title }) => (name ?? title) !== values.new);
  const isMissing = values.new !== undefined && soak?.state === 'completed' && others.length === fresh.length;
  return others.length > 0 || isMissing ? 1 : 0;
}

function index(): Soak | undefined {
  const file = path.join(out, 'soak.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Soak) : undefined;
}

function judgedWindows(soak: Soak | undefined): number {
  return (soak?.windows ?? []).filter(({ ended, judged }) => ended === 'completed' && judged !== null).length;
}

function progress(soak: Soak | undefined): string {
  const wanted = soak?.windows_planned ?? hours * 6;
  const { verdict = 'unknown', sentence = '' } = soak?.known ?? {};
  const played = `${judgedWindows(soak)} of ${wanted} windows of ${WINDOW}`;
  return `${values.build}: ${played}; known findings: ${verdict}. ${sentence}`;
}
