/**
 * A night on a release with its known findings, in parts: what it shows that the file does not have.
 *
 *     npm run known-night -- [--build airflow@3.3.2] [--known records/known/airflow-3.3.2.yaml] [--scenario seeds]
 *                            [--hours 6] [--lanes 1] [--part 1h] [--new NAME] [--seed 1] [--out runs/known-night]
 *
 * A soak with windows of ten minutes. --lanes: so many soaks at once, each on a stack of its own and with a seed of its
 * own, which share the hours; for a scenario that leaves room beside it. When a part of them has lasted as long as
 * --part, each is interrupted at the end of a window; the next start continues them. --new: this finding must be new in
 * each, and nothing else, as on a build from which the guard against it was taken. Exit code: 0 as expected so far, 1
 * something else is new or worse or --new is not there at the end, 2 wrong arguments, 4 a soak could not be run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Soak } from '../harness/model/soak.ts';
import { parseSeconds } from '../harness/run/plan.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { flagsOf, wholeNumberProblems } from './flags.ts';

/** How often the index is looked at. */
const LOOK_MS = 2_000;
/** A window with its seam and the start of a stack, beyond the part: then the soak hangs. */
const LONGEST_WINDOW_MS = 25 * 60_000;
const WINDOW = '10m';
const WINDOWS_AN_HOUR = 6;

const { values } = flagsOf({
  options: {
    build: { type: 'string', default: 'airflow@3.3.2' },
    known: { type: 'string', default: 'records/known/airflow-3.3.2.yaml' },
    scenario: { type: 'string', default: 'seeds' },
    hours: { type: 'string', default: '6' },
    lanes: { type: 'string', default: '1' },
    part: { type: 'string', default: '1h' },
    new: { type: 'string' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/known-night' },
  },
});
const [hours, laneCount, firstSeed] = [Number(values.hours), Number(values.lanes), Number(values.seed)];
const partS = parseSeconds(values.part);
const windows = (hours * WINDOWS_AN_HOUR) / laneCount;

const problems = [
  ...wholeNumberProblems('hours', values.hours, 1),
  ...wholeNumberProblems('lanes', values.lanes, 1),
  ...wholeNumberProblems('seed', values.seed, 1),
  ...(partS === undefined ? [`--part must be like 30m or 2h, not "${values.part}".`] : []),
  ...(hours >= 1 && laneCount >= 1 && !Number.isInteger(windows)
    ? [`${hours * WINDOWS_AN_HOUR} windows of ${WINDOW} cannot be shared by ${laneCount} lanes: choose another number.`]
    : []),
];

/** One soak of the night. */
interface Lane {
  readonly out: string;
  readonly seed: number;
}

const lanes: Lane[] = Array.from({ length: problems.length > 0 ? 0 : laneCount }, (_, i) => ({
  out: laneCount === 1 ? path.resolve(values.out) : path.resolve(values.out, `lane-${i + 1}`),
  seed: firstSeed + i,
}));

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  console.error(`One part: ${values.part}, and at most a window more.`);
  const codes = await Promise.all(lanes.map((lane) => playPart(lane, (partS ?? 0) * 1000)));
  process.exitCode = Math.max(...codes.filter((code) => code !== undefined), ...lanes.map(said));
}

/** The exit code of a soak that could not be played; undefined: it was. */
async function playPart(lane: Lane, partMs: number): Promise<number | undefined> {
  const before = indexOf(lane);
  if (before?.state === 'completed') return undefined;
  console.error(progress(lane));
  const begin = [
    ...[values.scenario, '--build', values.build, '--duration', `${windows * 10}m`, '--window', WINDOW],
    ...['--known', values.known, '--seed', String(lane.seed), '--out', lane.out],
  ];
  const args = before ? ['--resume', lane.out, '--build', values.build] : begin;
  const soak = spawn(process.execPath, [WINDTUNNEL, 'soak', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await untilPartEnds(lane, soak, partMs);
  return code === null || [0, 1, 3, 130].includes(code) ? undefined : code === 2 ? 2 : 4;
}

/** Interrupts it when its time is over and a window has ended, so that little load is played for nothing. */
async function untilPartEnds(lane: Lane, soak: ChildProcess, partMs: number): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => soak.once('exit', (code) => resolve(code)));
  const interrupt = () => void soak.kill('SIGINT');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const began = performance.now();
  let atEnd: number | undefined;
  while (soak.exitCode === null) {
    await Promise.race([ended, sleep(LOOK_MS)]);
    const over = performance.now() - began - partMs;
    if (over < 0) continue;
    atEnd ??= judgedWindows(lane);
    if (judgedWindows(lane) > atEnd || over > LONGEST_WINDOW_MS) break;
  }
  if (soak.exitCode === null) interrupt();
  return ended;
}

/** Prints what a lane has shown so far, and returns its exit code. */
function said(lane: Lane): number {
  const soak = indexOf(lane);
  console.log(progress(lane));
  const found = soak?.known?.findings ?? [];
  for (const { status, name, title, sentence } of found) console.log(`  ${status}: ${name ?? title}. ${sentence}`);
  const fresh = found.filter(({ status }) => status === 'new' || status === 'worse');
  const others = fresh.filter(({ name, title }) => (name ?? title) !== values.new);
  const isMissing = values.new !== undefined && soak?.state === 'completed' && others.length === fresh.length;
  return others.length > 0 || isMissing ? 1 : 0;
}

function indexOf({ out }: Lane): Soak | undefined {
  const file = path.join(out, 'soak.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Soak) : undefined;
}

function judgedWindows(lane: Lane): number {
  return (indexOf(lane)?.windows ?? []).filter(({ ended, judged }) => ended === 'completed' && judged !== null).length;
}

function progress(lane: Lane): string {
  const soak = indexOf(lane);
  const { verdict = 'unknown', sentence = '' } = soak?.known ?? {};
  const played = `${judgedWindows(lane)} of ${soak?.windows_planned ?? windows} windows of ${WINDOW}`;
  return `${values.build}, seed ${lane.seed}: ${played}; known findings: ${verdict}. ${sentence}`;
}
