import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { drawnLoad, exploratory } from '../../workloads/exploratory.ts';
import { say } from '../console/print.ts';
import { StackError } from '../model/errors.ts';
import { resolvePlan } from '../run/plan.ts';
import { repeatCommand } from '../run/repeat.ts';
import { type NextRun, RunSeries } from '../run/series.ts';
import { subjectOf } from '../run/subject.ts';
import { readManifest } from '../run-folder/manifest.ts';
import type { PlacedJob } from './conduct.ts';
import type { JudgedJob } from './outcome.ts';
import type { Job } from './schedule.ts';

/** The run folders of one calibration, below one folder of their own, each numbered in the order of the runs. */
export class CalibrationFolders {
  readonly #top: string;
  #given = 0;

  constructor(top: string) {
    this.#top = top;
  }

  next = ({ planted, seed }: Job): string => {
    const number = String(++this.#given).padStart(3, '0');
    return path.join(this.#top, `${number}-${planted?.name ?? 'clean'}-${seed}`);
  };

  /** Relative, because results are read on other machines. */
  kept = (folder: string): string | null => (existsSync(folder) ? path.relative('.', folder) : null);

  discard = (folder: string): void => rmSync(folder, { recursive: true, force: true });

  /** Removes folders that are empty. */
  close(): void {
    for (const folder of [this.#top, path.dirname(this.#top)]) {
      if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
    }
  }
}

/** Runs of jobs one after another, each as `windtunnel run` makes it, until `signal`. */
export class JobSeries {
  readonly #runs = new RunSeries();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Rejects also if the load did not last as planned. */
  run = async (job: Job, folder: string, signal: AbortSignal, next?: PlacedJob): Promise<JudgedJob> => {
    // Hundreds of runs: only how each ended is printed.
    const silent = () => undefined;
    const note = (text: string) => say(`${job.build}, seed ${job.seed}: ${text}`);
    const progress = { phase: silent, numbers: silent, note, sighting: silent, judged: silent, stop: silent };
    const spec = { ...(await specOf({ job, folder })), progress, signal };
    const nextSpec = next && (async () => ({ ...(await specOf(next)), signal: this.#signal }));
    const aims = job.scenario === exploratory.name ? drawnLoad(job.seed).aims : spec.plan.scenario.aims;
    const { judgement, failure } = await this.#runs.play(spec, nextSpec);
    if (failure !== undefined) throw failure;
    const { load_started_ms } = await readManifest(folder);
    if (load_started_ms === null) throw new StackError(`the load of ${folder} did not begin`);
    return { judgement, loadStartedMs: load_started_ms, aims };
  };

  close(): Promise<void> {
    return this.#runs.close();
  }
}

async function specOf({ job, folder }: PlacedJob): Promise<Omit<NextRun, 'signal'>> {
  const { build, scenario, seed, schedulers, durationS } = job;
  const subject = subjectOf({ build });
  const flags = { seed, schedulers, faults: job.faults ?? undefined, duration: `${durationS}s` };
  const plan = await resolvePlan(scenario, flags, subject);
  return { subject, plan, out: folder, repeat: repeatCommand({ scenario, subject, ...flags }) };
}
