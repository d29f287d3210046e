import path from 'node:path';

import { soFarText } from '../../reports/terminal/so-far.ts';
import { writeComparison } from '../../reports/write.ts';
import { Progress } from '../console/progress.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { againstKnown } from '../known/result.ts';
import type { Comparison } from '../model/comparison.ts';
import type { SightingKind } from '../model/sighting.ts';
import type { Judgement } from '../model/verdict.ts';
import { type AgainstKnown, judgeRunFolder } from '../run/judge-folder.ts';
import { resolvePlan } from '../run/plan.ts';
import { repeatCommand } from '../run/repeat.ts';
import { RunSeries } from '../run/series.ts';
import { subjectName } from '../run/subject.ts';
import { compareBuilds } from './compare.ts';
import { withKnown } from './known-sides.ts';
import { type CompareFlags, type ComparisonPlan, resolveComparison, type SidesToRun } from './options.ts';
import { playRounds, type Rounds, type Turn } from './rounds.ts';

/** Makes the runs, or judges the stored ones, compares them and writes the reports. */
export async function playComparison(
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<{ readonly comparison: Comparison; readonly folder: string }> {
  const { sides, ...plan } = await resolveComparison(flags, signal);
  const { detect, folder, own, known } = plan;
  const against = known && againstKnown(known);
  const { judged, look = null } =
    'stored' in sides
      ? { judged: await judgeStored(sides.stored, own, against) }
      : await playSides(flags, sides, { folder, own, against }, signal);
  const compared = compareBuilds(judged, { detect, look });
  const comparison = known === undefined ? compared : await withKnown(compared, judged, known);
  await writeComparison(folder, comparison);
  return { comparison, folder };
}

async function judgeStored(
  sides: readonly (readonly string[])[],
  own: readonly InvariantFile[],
  against: AgainstKnown | undefined,
): Promise<Judgement[][]> {
  const judged: Judgement[][] = [];
  for (const folders of sides) {
    const side: Judgement[] = [];
    for (const folder of folders) side.push(await judgeRunFolder(folder, own, against));
    judged.push(side);
  }
  return judged;
}

/** All builds play the same seeds. */
async function playSides(
  flags: CompareFlags,
  { subjects, scenario, looks, plan: first, engine }: SidesToRun,
  { folder, own, against }: Pick<ComparisonPlan, 'folder' | 'own'> & { readonly against: AgainstKnown | undefined },
  signal: AbortSignal,
): Promise<Rounds> {
  const most = `${looks.length > 1 ? 'up to ' : ''}${looks.at(-1)}`;
  const sides = subjects.map((subject, index) => {
    const letter = String.fromCharCode(97 + index);
    return { subject, letter, saidBefore: new Set<SightingKind>() };
  });
  const planOf = async (seed: number) => {
    const [base] = subjects;
    return base === undefined || seed === first.seed ? first : resolvePlan(scenario, { ...flags, seed }, base);
  };
  type Turned = Turn<(typeof sides)[number]>;
  const specOf = async ({ build: { subject, letter }, round }: Turned) => {
    const seed = first.seed + round;
    const out = path.join(folder, `${letter}-${round + 1}`);
    const repeat = repeatCommand({ ...flags, scenario, subject, seed });
    return { subject, plan: await planOf(seed), engine, own, against, out, repeat, signal };
  };
  const series = new RunSeries();
  const play = async (build: (typeof sides)[number], round: number, next: Turned | undefined) => {
    const spec = await specOf({ build, round });
    const label = `${subjectName(build.subject)} (run ${round + 1} of ${most})`;
    const progress = new Progress(label, spec.plan.scenario.duration_s, { saidBefore: build.saidBefore });
    const { judgement, failure } = await series.play({ ...spec, progress }, next && (() => specOf(next)));
    // Half a comparison decides nothing. The runs that were made stay and can be compared by their folders.
    if (failure !== undefined) {
      console.error(`The comparison ended early; its runs are in ${folder}.`);
      throw failure;
    }
    return judgement;
  };
  try {
    return await playRounds(sides, looks, play, (known, { after, planned }) =>
      console.error(soFarText(known, { made: after, planned })),
    );
  } finally {
    await series.close();
  }
}
