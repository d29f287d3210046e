import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { counted, excerpt, seconds } from '../../reports/words.ts';
import { writeCalibration } from '../../reports/write.ts';
import type { Calibration, CalibrationRun } from '../model/calibration.ts';
import { findScenario } from '../run/catalogue.ts';
import { timeStamp } from '../run/manifest.ts';
import { childEnvironment } from '../system/environment.ts';
import { windtunnelVersion } from '../system/installation.ts';
import { conduct } from './conduct.ts';
import { calibrationOf } from './figures.ts';
import type { CalibrateSettings } from './flags.ts';
import { CalibrationFolders, JobSeries } from './run.ts';
import { type Job, schedule } from './schedule.ts';

export interface CalibrateOptions {
  /** The result, which is written after each run: what was measured is there whatever happens then. */
  readonly file: string;
  /** What an earlier call has of it. */
  readonly begun: Calibration | undefined;
  readonly commit: string | null;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/** All runs of a calibration, and its figures. With an aborted signal: those of the runs that had ended. */
export async function calibrate(settings: CalibrateSettings, options: CalibrateOptions): Promise<Calibration> {
  const { begun, signal } = options;
  const started = begun?.started_at ?? new Date().toISOString();
  const runs: CalibrationRun[] = [...(begun?.runs ?? [])];
  // No two runs share a seed.
  const has = new Set(runs.map(({ seed }) => seed));
  const queue = (await queueOf(settings)).filter(({ seed }) => !has.has(seed));
  const result = (complete: boolean) => resultOf(settings, { started, runs, complete, commit: options.commit });
  let written = Promise.resolve();
  await play(queue, settings.jobs, options, (run) => {
    runs.push(run);
    written = written.then(() => writeCalibration(options.file, result(false)));
  });
  await written;
  const whole = result(!signal.aborted);
  await writeCalibration(options.file, whole);
  return whole;
}

interface Measured {
  readonly started: string;
  readonly runs: readonly CalibrationRun[];
  readonly complete: boolean;
  readonly commit: string | null;
}

function resultOf(settings: CalibrateSettings, { started, runs, complete, commit }: Measured): Calibration {
  return calibrationOf(
    {
      started_at: started,
      ended_at: new Date().toISOString(),
      complete,
      windtunnel: windtunnelVersion(),
      commit,
      node: process.version,
      machine: { platform: os.platform(), arch: os.arch(), cpus: os.cpus().length },
      settings: {
        seed: settings.seed,
        jobs: settings.jobs,
        runs: settings.runs,
        clean: settings.clean ?? null,
        duration_s: settings.durationS,
        faults: settings.faults,
        defects: settings.all ? null : settings.planted.map(({ name }) => name),
      },
    },
    settings.planted,
    runs,
  );
}

async function queueOf({ planted, ...settings }: CalibrateSettings): Promise<Job[]> {
  const schedulers = new Map<string, number>();
  for (const { scenario } of planted)
    schedulers.set(scenario, (await findScenario(scenario, settings.seed)).schedulers);
  const schedulersOf = (scenario: string) => schedulers.get(scenario) ?? 1;
  return schedule({ planted, ...settings, schedulersOf });
}

async function play(
  queue: readonly Job[],
  jobs: number,
  { keep, signal }: Pick<CalibrateOptions, 'keep' | 'signal'>,
  onEnd: (run: CalibrationRun) => void,
): Promise<void> {
  console.error(`${counted(queue.length, 'run')}, ${jobs} at a time: about ${seconds(idleS(queue) / jobs)} if idle`);
  const folders = new CalibrationFolders(path.resolve('runs', `${timeStamp()}-calibrate`));
  const series = new JobSeries(signal);
  const began = performance.now();
  let done = 0;
  try {
    await conduct(queue, {
      jobs,
      keep,
      signal,
      runOne: series.run,
      folderOf: folders.next,
      discard: folders.discard,
      kept: folders.kept,
      onEnd: (run) => {
        onEnd(run);
        done++;
        const left = (performance.now() - began) * (queue.length / done - 1);
        console.error(`${done} of ${queue.length}, about ${seconds(left / 1000)} left · ${runLine(run)}`);
      },
    });
  } finally {
    await series.close();
    folders.close();
  }
}

/** A run takes so long in addition to its load, on an idle machine. */
const AROUND_S = 12;

function idleS(queue: readonly Job[]): number {
  return queue.reduce((sum, { durationS }) => sum + durationS + AROUND_S, 0);
}

/** How one run ended, and what there is to see of it. */
function runLine({ result, build, scenario, schedulers, seed, violations, failure, folder }: CalibrationRun): string {
  const why = [Object.keys(violations).join(', '), excerpt(failure ?? '', 200), folder ?? ''].filter(Boolean);
  return [`${result}: ${build}, ${scenario}, ${schedulers} schedulers, seed ${seed}`, ...why].join(' · ');
}

/** The measured code: `3e074a0`, or `3e074a0-dirty` with uncommitted changes; null without git or a checkout. */
export async function measuredCommit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['describe', '--always', '--dirty', '--exclude=*'], {
      cwd: import.meta.dirname,
      timeout: 10_000,
      env: childEnvironment(),
    });
    return stdout.trim();
  } catch {
    return null;
  }
}
