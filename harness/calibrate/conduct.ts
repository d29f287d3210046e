import pLimit from 'p-limit';

import type { CalibrationRun } from '../model/calibration.ts';
import { StackError } from '../model/errors.ts';
import { failureOf, type JudgedJob, outcomeOf } from './outcome.ts';
import type { Job } from './schedule.ts';

/** What conducting needs from outside; a test passes literal judgements instead. */
export interface Conducting {
  /** Concurrent runs, each with a stack of its own. */
  readonly jobs: number;
  /** Keep every run folder, not only those that have something to explain. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  /**
   * One whole run. Rejects if it could not be run, or did not last as long as planned. `next` will probably follow: its
   * stack may be started already.
   */
  readonly runOne: (job: Job, folder: string, signal: AbortSignal, next?: PlacedJob) => Promise<JudgedJob>;
  readonly folderOf: (job: Job, tried: number) => string;
  readonly discard: (folder: string) => void;
  /** The folder if it is there: a run that failed early may have left none. */
  readonly kept: (folder: string) => string | null;
  readonly onEnd: (run: CalibrationRun) => void;
  readonly limits?: Partial<Limits>;
}

export interface PlacedJob {
  readonly job: Job;
  readonly folder: string;
}

interface Limits {
  /**
   * In addition to the load: start of the stack, settling, judging. Measured: 15 s; a busy machine gets ten times that.
   */
  readonly overheadMs: number;
  /** After that the run is cancelled; if it does not end then, it is abandoned. */
  readonly graceMs: number;
}

const LIMITS: Limits = { overheadMs: 150_000, graceMs: 60_000 };
const TRIES = 2;

/** Runs the jobs in order, `jobs` of them at a time, and returns their outcomes. An aborted signal ends it early. */
export async function conduct(queue: readonly Job[], parts: Conducting): Promise<CalibrationRun[]> {
  const limit = pLimit(parts.jobs);
  const placed = new Map<Job, string>();
  const place = (job: Job): PlacedJob => {
    const folder = placed.get(job) ?? parts.folderOf(job, 1);
    placed.set(job, folder);
    return { job, folder };
  };
  const ended = await limit.map(queue, async (job, index) => {
    if (parts.signal.aborted) return [];
    const first = place(job);
    // With several at a time it is not known which one comes next, and the machine is not idle between them.
    const next = parts.jobs === 1 ? queue[index + 1] : undefined;
    const run = await conductOne(first, parts, next && place(next));
    if (run === undefined) return [];
    parts.onEnd(run);
    return [run];
  });
  return ended.flat();
}

/** Undefined if the calibration was interrupted: an incomplete run is not counted. */
async function conductOne(
  { job, folder: first }: PlacedJob,
  parts: Conducting,
  next: PlacedJob | undefined,
): Promise<CalibrationRun | undefined> {
  for (let tried = 1; ; tried++) {
    const folder = tried === 1 ? first : parts.folderOf(job, tried);
    let run: CalibrationRun;
    try {
      run = outcomeOf(job, await inTime({ job, folder }, parts, next), tried);
    } catch (error) {
      run = failureOf(job, error, tried);
    }
    const interrupted = parts.signal.aborted && run.result === 'failed to run';
    const again = run.result === 'failed to run' && tried < TRIES && !interrupted;
    const explains = run.result === 'missed' || run.result === 'false alarm' || (run.failure !== null && !again);
    if (!interrupted && (parts.keep || explains)) run = { ...run, folder: parts.kept(folder) };
    else parts.discard(folder);
    if (interrupted) return undefined;
    if (!again) return run;
  }
}

/** A run that takes far too long is cancelled, as by Ctrl-C; one that does not end then is abandoned. */
async function inTime(
  { job, folder }: PlacedJob,
  { runOne, signal, limits }: Conducting,
  next: PlacedJob | undefined,
): Promise<JudgedJob> {
  const { overheadMs, graceMs } = { ...LIMITS, ...limits };
  const late = new AbortController();
  const deadlineMs = job.durationS * 1000 + overheadMs;
  let ending: NodeJS.Timeout | undefined;
  let givingUp: NodeJS.Timeout | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    ending = setTimeout(() => {
      const reason = new StackError(`the run had not ended after ${Math.round(deadlineMs / 1000)} s`);
      late.abort(reason);
      givingUp = setTimeout(() => reject(new StackError(`${reason.message}, and did not end when cancelled`)), graceMs);
    }, deadlineMs);
  });
  try {
    return await Promise.race([runOne(job, folder, AbortSignal.any([signal, late.signal]), next), givenUp]);
  } finally {
    clearTimeout(ending);
    clearTimeout(givingUp);
  }
}
