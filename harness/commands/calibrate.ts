import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import type { CommandModule } from 'yargs';
import { calibrationText } from '../../reports/terminal/calibration.ts';
import { writeCalibration } from '../../reports/write.ts';
import { conduct } from '../calibrate/conduct.ts';
import { calibrationOf, findingsOf } from '../calibrate/figures.ts';
import { type CalibrateFlags, type CalibrateSettings, settingsOf } from '../calibrate/flags.ts';
import { CalibrationProgress } from '../calibrate/progress.ts';
import { readCalibration, readKept } from '../calibrate/results.ts';
import { CalibrationFolders, runJob } from '../calibrate/run.ts';
import { type Job, schedule } from '../calibrate/schedule.ts';
import { exitCodeOfError, exitCodeOfVerdict } from '../console/exit-code.ts';
import { interruptSignal } from '../console/interrupt.ts';
import type { CalibrationRun } from '../model/calibration.ts';
import { StackError, UsageError } from '../model/errors.ts';
import { findScenario } from '../run/catalogue.ts';
import { wantsColor } from '../run/judge-run.ts';
import { timeStamp } from '../run/perform-run.ts';
import { windtunnelVersion } from '../system/installation.ts';

const KEPT = path.join('records', 'calibration');

export const calibrateCommand: CommandModule<object, CalibrateFlags> = {
  command: 'calibrate',
  describe: 'Measure how surely each defect of the reference stack is found, and how often a clean one is accused',
  builder: (args) =>
    args
      .option('defects', { type: 'string', describe: 'Which, as a,b (default: all of them)' })
      .option('runs', { type: 'number', default: 10, describe: 'Runs of each' })
      .option('duration', {
        type: 'string',
        default: '30s',
        describe: 'Load of a run; a defect that needs longer has it',
      })
      .option('clean', { type: 'number', describe: 'Runs without a defect (default: one for every two with one)' })
      .option('jobs', { type: 'number', default: 1, describe: 'Runs at the same time, 1 to 8' })
      .option('seed', { type: 'number', describe: 'Repeat the choices of an earlier calibration' })
      .option('faults', { type: 'string', describe: 'Break things meanwhile: names from `list` with commas, or all' })
      .option('keep', { type: 'boolean', describe: 'Keep every run folder, not only those of misses and false alarms' })
      .option('out', { type: 'string', describe: `The result to write (default: ${KEPT}/TIME.json)` })
      .option('baseline', { type: 'string', describe: 'A kept result: what was found there must still be found' })
      .option('json', { type: 'boolean', describe: 'Print the result as one JSON document' }),

  async handler(flags) {
    const settings = settingsOf(flags);
    const file = outOf(flags);
    const baseline = flags.baseline === undefined ? undefined : await readCalibration(flags.baseline);
    const queue = await queueOf(settings);
    const signal = interruptSignal();
    const started = new Date();
    const runs = await play(queue, settings, flags.keep === true, signal);
    const calibration = calibrationOf(
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
    const findings = findingsOf(calibration, baseline);
    const kept = await readKept(path.dirname(file), (why) => console.error(`Left out of the trend: ${why}`));
    await writeCalibration(file, calibration, findings, kept);
    if (flags.json) process.stdout.write(`${JSON.stringify(calibration, null, 2)}\n`);
    else {
      const shown = path.relative('.', file);
      process.stdout.write(`${calibrationText(calibration, findings, { color: wantsColor(), file: shown })}\n`);
    }
    if (signal.aborted) process.exitCode = exitCodeOfError(signal.reason);
    else if (findings.bad) process.exitCode = exitCodeOfVerdict('fail');
    else if (findings.unmeasured.length > 0) process.exitCode = exitCodeOfError(new StackError('not measured'));
    else process.exitCode = exitCodeOfVerdict('pass');
  },
};

/** Asked before hours of runs, not after them. */
function outOf({ out }: CalibrateFlags): string {
  const file = path.resolve(out ?? path.join(KEPT, `${timeStamp()}.json`));
  if (!file.endsWith('.json')) throw new UsageError(`--out must be a .json file, not "${out}"`);
  if (existsSync(file)) throw new UsageError(`The result ${out} exists: name another with --out, or remove it.`);
  return file;
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
  { jobs }: CalibrateSettings,
  keep: boolean,
  signal: AbortSignal,
): Promise<CalibrationRun[]> {
  const folders = new CalibrationFolders(path.resolve('runs', `${timeStamp()}-calibrate`));
  const progress = new CalibrationProgress(queue, jobs);
  try {
    return await conduct(queue, {
      jobs,
      keep,
      signal,
      runOne: (job, folder, ending) => runJob(job, { folder, signal: ending, progress: progress.of(job) }),
      folderOf: folders.next,
      discard: folders.discard,
      kept: folders.kept,
      onEnd: (run) => progress.ended(run),
    });
  } finally {
    progress.stop();
    folders.close();
  }
}

/** Which code was measured: `3e074a0`, or `3e074a0-dirty` with changes that are in no commit. */
async function commit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['describe', '--always', '--dirty', '--exclude=*'], {
      cwd: import.meta.dirname,
      timeout: 10_000,
    });
    return stdout.trim();
  } catch {
    // An installed package has no history, and a machine need not have git.
    return null;
  }
}
