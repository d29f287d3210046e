import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { interruptSignal } from '../console/interrupt.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { checkLimits } from '../judge/bounds.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import type { Build } from '../model/build.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import type { Plan } from '../model/scenario.ts';
import { LONGEST_LOAD_S } from '../model/scenario.ts';
import { UPGRADE_FORMAT, type Upgrade } from '../model/upgrade.ts';
import { runFolderName } from '../run/manifest.ts';
import { parseSeconds, resolvePlan } from '../run/plan.ts';
import { subjectOf } from '../run/subject.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { checkEnvironment } from '../system/environment.ts';
import { checkUpgradeFolder, UpgradeFolder } from './folder.ts';
import type { UpgradeFlags } from './options.ts';
import { UpgradeSession, type UpgradeTimes } from './session.ts';

interface ResolvedUpgrade {
  readonly from: Build;
  readonly to: Build;
  readonly plan: Plan;
  readonly times: UpgradeTimes;
  readonly own: readonly InvariantFile[];
}

export interface PlayedUpgrade {
  readonly folder: UpgradeFolder;
  /** Why it ended early; undefined if it did not. */
  readonly failure: unknown;
}

/** What the flags ask for; starts and writes nothing. UsageError: all that is wrong with them. */
export async function resolveUpgrade(flags: UpgradeFlags): Promise<ResolvedUpgrade> {
  const [to, from, plan, times, own] = await collectUsageErrors(
    async () => named('to', flags.to),
    async (to) => fromOf(flags.from, to),
    async (to) => resolvePlan(flags.scenario ?? '', flags, to ? { build: to } : subjectOf({})),
    async () => timesOf(flags),
    () => readOwnInvariants(flags.invariants),
    async () => checkLimits(),
    async () => checkEnvironment(),
    async () => flags.out === undefined || checkUpgradeFolder(flags.out),
  );
  return { from, to, plan, times, own };
}

function named(flag: 'from' | 'to', text: string | undefined): Build {
  if (text !== undefined) return knownBuild(text);
  const what = {
    from: 'the build in use, such as --from airflow@3.1.8',
    to: 'the next one, such as --to airflow@3.2.2',
  };
  throw new UsageError(`Name ${what[flag]}.`);
}

function fromOf(text: string | undefined, to: Build | undefined): Build {
  const from = named('from', text);
  if (to && from.kind !== to.kind)
    throw new UsageError(
      `--from ${from.name} and --to ${to.name} have different databases: an upgrade keeps its database.`,
    );
  return from;
}

function timesOf({ wave, parseAfter }: UpgradeFlags): UpgradeTimes {
  const [waveS, parseAfterS] = [parseSeconds(wave), parseSeconds(parseAfter)];
  const problems = [
    ...(waveS !== undefined && waveS <= LONGEST_LOAD_S
      ? []
      : [`--wave must be like 60s or 5m, from 1s to ${LONGEST_LOAD_S / 3600}h, not "${wave}"`]),
    ...(parseAfterS === undefined ? [`--parse-after must be like 20s, and at least 1s, not "${parseAfter}"`] : []),
  ];
  if (waveS === undefined || parseAfterS === undefined || problems.length > 0)
    throw new UsageError(problems.join('\n'));
  if (parseAfterS < waveS) return { waveS, parseAfterS };
  throw new UsageError(
    `--parse-after ${parseAfter} is not within --wave ${wave}: the new versions would come after it.`,
  );
}

/** Plays an upgrade. Rejects only for wrong flags. */
export async function playUpgrade(flags: UpgradeFlags): Promise<PlayedUpgrade> {
  const { from, to, plan, times, own } = await resolveUpgrade(flags);
  const id = randomBytes(3).toString('hex');
  const name = `upgrade-${runFolderName({ subject: { build: to }, plan }, id)}`;
  const upgrade: Upgrade = {
    format: UPGRADE_FORMAT,
    id,
    from: from.name,
    to: to.name,
    plan,
    started_at: new Date().toISOString(),
    state: 'running',
    why: null,
    verdict: 'unknown',
    phases: [],
    migration: null,
  };
  const folder = await UpgradeFolder.create(path.resolve(flags.out ?? path.join('runs', name)), upgrade);
  const signal = interruptSignal();
  let failure: unknown;
  try {
    await new UpgradeSession(folder, { builds: { from, to }, times, own, signal }).run();
    await folder.update({ state: 'completed' });
  } catch (error) {
    failure = signal.aborted ? signal.reason : error;
    await folder.update({ state: signal.aborted ? 'interrupted' : 'failed', why: messageOf(failure) });
  }
  return { folder, failure };
}
