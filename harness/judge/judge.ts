import pLimit from 'p-limit';

import {
  type AssumptionResult,
  type InvariantResult,
  isInDoubt,
  type Judgement,
  type ThresholdResult,
  type Verdict,
} from '../model/verdict.ts';
import { judgeAssumption, readAssumptions } from './assumptions.ts';
import { readDeadlocks } from './dossiers.ts';
import { readEpisodes } from './episodes.ts';
import { readFindings } from './findings/findings.ts';
import type { InvariantFile } from './invariant-file.ts';
import { judgeInvariant, readInvariants } from './invariants.ts';
import { readMeasures } from './measures.ts';
import { explained, type OpenRun, openRun } from './open-run.ts';
import { readFaultEffects, readHarnessCost, readOverTime } from './over-time.ts';
import { shippedRules } from './rules.ts';
import { readSightings } from './sightings.ts';
import {
  readClasses,
  readConflicts,
  readCounts,
  readHarnessCpuShare,
  readLatency,
  readLoad,
  readRefusals,
  readTimeline,
} from './summary.ts';
import { judgeThresholds } from './thresholds.ts';
import { readViewFiles } from './views.ts';

export interface JudgeOptions {
  /** Gets the name of each part of the work when it is over. */
  readonly done?: ((part: string) => void) | undefined;
  /** A user's invariants, judged beside those that ship. */
  readonly own?: readonly InvariantFile[] | undefined;
}

/** Views that read, sort or join very many rows and are read more than once, each after those that it stands on. */
const READ_OFTEN = ['writer_roles', 'kept_changes', 'dag_run_changes', 'backfill_lives', 'left_running', 'given_up'];

/**
 * The verdict on a stored run: from the folder alone, so that it is the same next month on another machine. A run that
 * is open already stays open.
 */
export async function judge(
  from: string | OpenRun,
  { done = () => {}, own = [] }: JudgeOptions = {},
): Promise<Judgement> {
  const run = typeof from === 'string' ? await openRun(from) : from;
  try {
    done('opening');
    for (const view of READ_OFTEN) {
      await run.materialise(view);
      done(view);
    }
    for (const { name, creates } of await readViewFiles()) {
      await run.prepare([...creates.keys()].join(' '));
      done(name);
    }
    // Of a large run one at a time: each may use all the memory that judging is given.
    const inTurn = pLimit(run.isSmall ? 2 : 1);
    const part = <T>(name: string, work: () => Promise<T>) => inTurn(() => work().finally(() => done(name)));
    const files = [...(await readInvariants()), ...own];
    const invariants = await whole(files.map((file, place) => part(file.name, () => judgeInvariant(run, file, place))));
    const assumptions = await whole(
      (await readAssumptions()).map((file) => part(file.name, () => judgeAssumption(run, file))),
    );
    const found = await readFindings(run, files, invariants);
    done('findings');
    const load = await readLoad(run);
    const violations = invariants.reduce((sum, invariant) => sum + invariant.violations, 0);
    const counts = await readCounts(run, violations);
    const thresholds = await judgeThresholds(run, counts, load.seconds);
    const { build, plan } = run.manifest;
    const harnessCpuShare = await readHarnessCpuShare(run);
    const judgement: Judgement = {
      verdict: overall(invariants, assumptions, thresholds),
      build,
      scenario: plan.scenario.name,
      seed: plan.seed,
      ...(plan.scenario.executor_behaviour ? { executor_behaviour: plan.scenario.executor_behaviour } : {}),
      run: run.folder,
      rules: await shippedRules(),
      ...found,
      invariants,
      assumptions,
      thresholds,
      counts,
      refusals: await readRefusals(run),
      conflicts: await readConflicts(run, load.seconds),
      classes: await readClasses(run),
      latency: await readLatency(run),
      deadlocks: await readDeadlocks(run),
      first_violation_s: firstViolationSeconds(invariants, load.startedMs),
      harness_cpu_share: harnessCpuShare,
      load_seconds: load.seconds,
      measures: await readMeasures(run),
      timeline: await readTimeline(run),
      over_time: await readOverTime(run),
      faults: await readFaultEffects(run),
      harness: await readHarnessCost(run, harnessCpuShare),
      ...(await readSightings(run, violations > 0)),
      ...(await readEpisodes(run, invariants)),
    };
    done('summary');
    return judgement;
  } catch (error) {
    throw await explained(run, error);
  } finally {
    if (typeof from === 'string') await run.close();
  }
}

/** The results of all, also of those that are under way when one fails: they still use the database. */
async function whole<T>(work: readonly Promise<T>[]): Promise<T[]> {
  try {
    return await Promise.all(work);
  } finally {
    await Promise.allSettled(work);
  }
}

/**
 * A violation fails the run whether the scenario aims at the invariant or not; `unknown` counts only for invariants it
 * aims at.
 */
function overall(
  invariants: readonly InvariantResult[],
  assumptions: readonly AssumptionResult[],
  thresholds: readonly ThresholdResult[],
): Verdict {
  if ([...invariants, ...thresholds].some(({ verdict }) => verdict === 'fail')) return 'fail';
  return isInDoubt({ invariants, assumptions, thresholds }) ? 'unknown' : 'pass';
}

function firstViolationSeconds(invariants: readonly InvariantResult[], loadStartedMs: number): number | null {
  const moments = invariants.flatMap(({ first }) => (first ? [first.at_ms] : []));
  return moments.length === 0 ? null : Math.max(0, Math.min(...moments) - loadStartedMs) / 1000;
}
