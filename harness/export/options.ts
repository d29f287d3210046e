import type { Argv } from 'yargs';

import { collectUsageErrors } from '../console/usage-errors.ts';
import { UsageError } from '../model/errors.ts';
import { USUAL_TIMES } from '../replay/options.ts';
import { flagNames } from '../run/flag-words.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { notWhole } from '../run/plan.ts';
import { storedSubject } from '../run/subject.ts';
import { isFolder } from '../run-folder/files.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { checkNewFile, checkNewFolder } from '../run-folder/out.ts';
import { checkEnvironment } from '../system/environment.ts';
import type { WantedDag } from './dag-alone.ts';
import type { IssueOptions } from './issue.ts';
import { type WantedRace, wantedRace } from './played-race.ts';
import { type WantedTest, wantedTest } from './race-test.ts';
import { raceOf } from './subject.ts';

export const EXPORT_FORMS = ['airflow-issue', 'pytest', 'dag'] as const;

export interface ExportFlags {
  readonly run: string;
  readonly finding?: string | undefined;
  readonly as: (typeof EXPORT_FORMS)[number];
  readonly also?: readonly string[] | undefined;
  readonly around?: number | undefined;
  readonly build?: string | undefined;
  readonly passesOn?: string | undefined;
  readonly times?: number | undefined;
  readonly minutes?: number | undefined;
  readonly out?: string | undefined;
  readonly invariants?: string | undefined;
}

const MINUTES = 5;
const MOST_MINUTES = 600;
/** Maintainers ask for logs around the moment, not for excerpts. */
const AROUND_S = 60;
const MOST_AROUND_S = 3_600;

export function exportOptions(args: Argv): Argv<ExportFlags> {
  return args
    .positional('run', {
      type: 'string',
      demandOption: true,
      describe: 'A run folder, also of a replay; or a race, such as 63266, or its file: it is played first',
    })
    .positional('finding', { type: 'string', describe: 'F1, F2, … or a fingerprint; of a replay none' })
    .option('as', {
      choices: EXPORT_FORMS,
      demandOption: true,
      describe:
        "airflow-issue: Markdown under the headings of Airflow's bug form, to be read and completed; pytest: a " +
        'test for Airflow, shown to fail on a build with the race and to pass on one without; dag: a DAG file and ' +
        "steps that need no windtunnel, with how often Airflow's own workers show it",
    })
    .option('also', {
      type: 'string',
      array: true,
      describe: 'A further run folder, as often as you like: in how many of them it was seen, by build',
    })
    .option('around', {
      type: 'number',
      describe: `Seconds of the logs before and after the worst occurrence (default: ${AROUND_S})`,
    })
    .option('build', {
      type: 'string',
      describe: 'Of a pytest or a race: where it fails (default: the build of the run, else one that has the race)',
    })
    .option('passes-on', {
      type: 'string',
      describe: 'Of a pytest or a race: where it passes (default: the next release without the race)',
    })
    .option('times', {
      type: 'number',
      describe: `Of a race as an issue: how often it is played on each build (default: ${USUAL_TIMES})`,
    })
    .option('minutes', {
      type: 'number',
      describe: `Of a DAG: how long it is measured (default: ${MINUTES})`,
    })
    .option('out', {
      type: 'string',
      describe: 'Write it to this file, a pytest or a DAG to this folder; missing folders are made',
    })
    .options(OWN_INVARIANTS) as unknown as Argv<ExportFlags>;
}

export interface WantedIssue extends IssueOptions {
  /** Of a race: it is played first; undefined: the record is there. */
  readonly race: WantedRace | undefined;
}

/** What an issue is made of. UsageError, with all that is wrong. */
export async function resolveIssue(flags: ExportFlags): Promise<WantedIssue> {
  const { run, finding, also = [], around = AROUND_S, out, invariants, build, passesOn, times, minutes } = flags;
  const isRace = !isFolder(run);
  const [, own, race] = await collectUsageErrors(
    async () => {
      if (out !== undefined) checkNewFile(out, 'exported file');
      const problems = isRace ? [] : withoutEffect('the issue of a run', { build, 'passes-on': passesOn, times });
      problems.push(...withoutEffect('an issue', { minutes }));
      if (isRace && finding !== undefined) problems.push(`${run} is no run folder, so it has no finding ${finding}.`);
      if (!(around >= 0 && around <= MOST_AROUND_S))
        problems.push(`--around must be a number of seconds from 0 to ${MOST_AROUND_S}, not ${around}.`);
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    () => ownInvariantsFor(isRace ? also : [run, ...also], invariants),
    async () => (isRace ? wantedRace(run, { build, passesOn, times }) : undefined),
  );
  return { also, aroundS: around, own, race };
}

/** Which test is wanted. UsageError, with all that is wrong. */
export async function resolveTest(flags: ExportFlags): Promise<WantedTest> {
  const { run, finding, also, around, build, passesOn, times, minutes, out, invariants } = flags;
  const [wanted] = await collectUsageErrors(
    async () => wantedTest(await raceOf(run, finding, { build, invariants }), { passesOn, out }),
    async () => {
      const problems = withoutEffect('a pytest', { also, around, times, minutes });
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    async (test) => test && checkNewFolder(test.out, 'folder of the pytest'),
    async () => checkEnvironment(),
  );
  return wanted;
}

/** Of which finding the DAG is wanted. UsageError, with all that is wrong. */
export async function resolveDag(flags: ExportFlags): Promise<WantedDag> {
  const { run, finding = '', also, around, build, passesOn, times, minutes = MINUTES, out, invariants } = flags;
  const folder = out ?? `dag-${finding.toLowerCase()}`;
  const [, own, subject] = await collectUsageErrors(
    async () => {
      const problems = withoutEffect('a DAG', { also, around, 'passes-on': passesOn, times });
      problems.push(...notWhole('minutes', minutes, 1, MOST_MINUTES));
      if (finding === '') problems.push('Name a finding, such as F1: `windtunnel explain RUN` lists them.');
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    () => ownInvariantsFor([run], invariants),
    async () => storedSubject({ build }, await readManifest(run), run),
    async () => checkNewFolder(folder, 'folder of the DAG'),
    async () => checkEnvironment(),
  );
  const known = 'build' in subject ? subject.build : undefined;
  if (known?.kind !== 'airflow')
    throw new UsageError('A DAG is measured on an Airflow that is started here: name a release with --build.');
  return { run, finding, build: known, minutes, out: folder, own };
}

function withoutEffect(form: string, flags: Readonly<Record<string, unknown>>): string[] {
  const idle = flagNames(flags);
  return idle.length === 0 ? [] : [`For ${form} ${idle.join(' and ')} means nothing: leave it out.`];
}
