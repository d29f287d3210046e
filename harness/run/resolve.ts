import { existsSync } from 'node:fs';
import path from 'node:path';

import { checkMetrics, type MetricsFlags } from '../console/metrics.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { hostable } from '../faults/draw.ts';
import { checkLimits } from '../judge/bounds.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import { UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { EngineFlags } from '../model/soak.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { checkNewFolder } from '../run-folder/out.ts';
import { checkEnvironment } from '../system/environment.ts';
import { DRAWN, SCENARIOS } from './catalogue.ts';
import { checkRealWorkers, resolveEngine } from './engine.ts';
import { flagNames } from './flag-words.ts';
import { checkStoredPlan, type PlanFlags, planGiven, resolvePlan } from './plan.ts';
import { repeatCommand } from './repeat.ts';
import type { RunSpec } from './run-spec.ts';
import {
  checkTargetFlags,
  checkTargetScenario,
  hostOf,
  type SubjectFlags,
  storedSubject,
  subjectOf,
} from './subject.ts';

export interface RunFlags extends PlanFlags, EngineFlags, SubjectFlags, MetricsFlags {
  readonly scenario: string;
  readonly out?: string | undefined;
  readonly trace?: boolean | undefined;
}

/** What the flags of `run` ask for. Throws a UsageError that lists every problem of them. */
export async function resolveRun(
  flags: RunFlags,
): Promise<Pick<RunSpec, 'subject' | 'plan' | 'engine' | 'out' | 'trace' | 'repeat' | 'own'>> {
  const storing = storedRun(flags);
  const [subject, plan, engine, own] = await collectUsageErrors(
    // What is wrong with the stored run is said where its plan is read.
    async () => {
      const stored = await storing.catch(() => undefined);
      return stored ? storedSubject(flags, stored, flags.scenario) : subjectOf(flags);
    },
    async (subject = subjectOf({})) => {
      const stored = await storing;
      if (!stored) return resolvePlan(flags.scenario, flags, subject);
      await checkStoredPlan(stored.plan, `The plan of ${flags.scenario}`, flags.invariants);
      return stored.plan;
    },
    () => resolveEngine(flags),
    () => readOwnInvariants(flags.invariants),
    async () => checkTargetFlags(flags),
    async () => checkTrace(flags),
    async () => checkMetrics(flags),
    async () => checkLimits(),
    async () => checkEnvironment(),
    async () => flags.out === undefined || checkNewFolder(flags.out, 'run folder'),
  );
  const stored = await storing;
  // A plan made for a build may meet a target.
  checkTargetScenario(subject, plan.scenario);
  checkRealWorkers(engine, [subject]);
  hostable([...new Set(plan.faults?.map(({ fault }) => fault))], hostOf(subject, plan.scenario));
  const repeat = repeatCommand({ ...flags, subject, seed: stored ? undefined : plan.seed });
  return { subject, plan, engine, own, out: flags.out, trace: flags.trace, repeat };
}

function checkTrace({ trace, target }: RunFlags): void {
  if (trace && target !== undefined)
    throw new UsageError('--trace needs proxies in front of the database, and the processes of a target have none.');
}

/**
 * The manifest of an earlier run, if `scenario` names one: its plan is complete. A name of the catalogue comes first,
 * so that a folder `storm`, as `--out storm` makes one, does not hide the scenario: `./storm` names the folder.
 */
async function storedRun(flags: RunFlags): Promise<Manifest | undefined> {
  if ([...SCENARIOS, ...DRAWN].some(({ name }) => name === flags.scenario)) return undefined;
  const folder = path.basename(flags.scenario) === 'manifest.json' ? path.dirname(flags.scenario) : flags.scenario;
  if (!existsSync(path.join(folder, 'manifest.json'))) {
    const isThere = existsSync(folder);
    const isPath = (folder.includes('/') || isThere) && !/\.[mc]?[jt]s$/.test(folder);
    if (!isPath) return undefined;
    const why = isThere ? 'it has no manifest.json' : 'no such folder';
    throw new UsageError(`${folder} is not a stored run (${why}), and a scenario of your own is a .ts file.`);
  }
  const chosen = flagNames(planGiven(flags));
  if (chosen.length > 0)
    throw new UsageError(`${flags.scenario} is a stored run and has a plan: ${chosen.join(', ')} cannot change it.`);
  const manifest = await readManifest(folder);
  if (!manifest.repeat.startsWith('windtunnel replay ')) return manifest;
  throw new UsageError(`${folder} is of a replay: give script.race.yaml, which is in it, to \`windtunnel replay\`.`);
}
