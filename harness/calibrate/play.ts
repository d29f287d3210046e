import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { excerpt, seconds } from '../../reports/words.ts';
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

/** All runs of a calibration, and its figures. With an aborted signal: those of the runs that had ended. */
export async function calibrate(settings: CalibrateSettings, keep: boolean, signal: AbortSignal): Promise<Calibration> {
  const started = new Date();
  const runs = await play(await queueOf(settings), settings.jobs, keep, signal);
  return calibrationOf(
    {
      started_at: started.toISOString(),
      ended_at: new Date().toISOString(),
      complete: !signal.aborted,
      windtunnel: windtunnelVersion(),
      commit: await commit(),
      node: process.version,
      machine: { platform: os.platform(), arch: os.arch(), cpus: os.cpus().length },
      settings: {
        seed: settings.seed,
        jobs: settings.jobs,
        runs: settings.runs,
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
  keep: boolean,
  signal: AbortSignal,
): Promise<CalibrationRun[]> {
  const folders = new CalibrationFolders(path.resolve('runs', `${timeStamp()}-calibrate`));
  const series = new JobSeries(signal);
  const began = performance.now();
  let done = 0;
  try {
    return await conduct(queue, {
      jobs,
      keep,
      signal,
      runOne: series.run,
      folderOf: folders.next,
      discard: folders.discard,
      kept: folders.kept,
      onEnd: (run) => {
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

/** How one run ended, and what there is to see of it. */
function runLine({ result, build, scenario, schedulers, seed, violations, failure, folder }: CalibrationRun): string {
  const why = [Object.keys(violations).join(', '), excerpt(failure ?? '', 200), folder ?? ''].filter(Boolean);
  return [`${result}: ${build}, ${scenario}, ${schedulers} schedulers, seed ${seed}`, ...why].join(' · ');
}

/** The measured code: `3e074a0`, or `3e074a0-dirty` with uncommitted changes; null without git or a checkout. */
async function commit(): Promise<string | null> {
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
