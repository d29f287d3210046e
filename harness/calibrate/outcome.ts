import type { CalibrationResult, CalibrationRun } from '../model/calibration.ts';
import { messageOf } from '../model/errors.ts';
import type { Judgement } from '../model/verdict.ts';
import type { Job } from './schedule.ts';

/** A run that came to a verdict. */
export interface JudgedJob {
  readonly judgement: Judgement;
  /** On the run's clock: violations are counted from here. */
  readonly loadStartedMs: number;
  /** The invariants that the load aims at. */
  readonly aims: readonly string[];
}

/** The result that is kept of a run: found or not, by which invariants, and when. */
export function outcomeOf(job: Job, { judgement, loadStartedMs, aims }: JudgedJob, tries: number): CalibrationRun {
  const unknown = judgement.invariants.filter(({ name, verdict }) => verdict === 'unknown' && aims.includes(name));
  const broken = judgement.invariants.filter(({ verdict }) => verdict === 'fail');
  const named = broken.filter(({ name }) => !expectsViolation(job) || job.planted?.caughtBy.includes(name));
  const moments = named.flatMap(({ first }) => (first ? [first.at_ms] : []));
  return {
    ...identityOf(job),
    result: resultOf(job, broken.length > 0),
    verdict: judgement.verdict,
    violations: Object.fromEntries(broken.map(({ name, violations }) => [name, violations])),
    first_violation_s: moments.length === 0 ? null : tenths(Math.max(0, Math.min(...moments) - loadStartedMs)),
    aims: aims.length,
    unknown_aims: unknown.map(({ name }) => name),
    doubts: judgement.assumptions.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name),
    harness_cpu_share: judgement.harness_cpu_share === null ? null : Number(judgement.harness_cpu_share.toFixed(3)),
    tries,
    failure: null,
    folder: null,
  };
}

export function failureOf(job: Job, error: unknown, tries: number): CalibrationRun {
  return {
    ...identityOf(job),
    result: 'failed to run',
    verdict: null,
    violations: {},
    first_violation_s: null,
    doubts: [],
    harness_cpu_share: null,
    tries,
    failure: messageOf(error),
    folder: null,
  };
}

/** False for a remedy that works: its runs must be clean. */
export function expectsViolation({ planted }: Pick<Job, 'planted'>): boolean {
  return planted !== null && planted.caughtBy.length > 0;
}

function resultOf(job: Job, broken: boolean): CalibrationResult {
  if (expectsViolation(job)) return broken ? 'found' : 'missed';
  return broken ? 'false alarm' : 'clean';
}

function identityOf({ build, planted, scenario, schedulers, durationS, seed, faults }: Job) {
  return { build, planted: planted?.name ?? null, scenario, schedulers, duration_s: durationS, seed, faults };
}

/** Seconds with one digit: the probes and the commit stream are not finer. */
function tenths(ms: number): number {
  return Math.round(ms / 100) / 10;
}
