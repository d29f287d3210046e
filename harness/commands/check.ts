import { counted, visible } from '../../reports/words.ts';
import { type CliCommand, exitCodeOfVerdict, verdictForExit } from '../console/command.ts';
import { printJudgement } from '../console/judgement.ts';
import { printJson } from '../console/print.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { againstFile, KNOWN_OPTION } from '../known/options.ts';
import { UsageError } from '../model/errors.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';
import { flagNames } from '../run/flag-words.ts';
import { judgeRunFolder } from '../run/judge-folder.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';
import { readManifest } from '../run-folder/manifest.ts';

interface CheckFlags {
  readonly runs?: string[] | undefined;
  readonly invariants?: string | undefined;
  readonly known?: string | undefined;
  readonly test?: string | undefined;
  readonly json?: boolean | undefined;
}

export const checkCommand: CliCommand<CheckFlags> = {
  builder: (args) =>
    args
      .positional('runs', { type: 'string', array: true, describe: 'Run folders' })
      .options(OWN_INVARIANTS)
      .options(KNOWN_OPTION)
      .option('test', { type: 'string', describe: 'Instead of runs: a .yaml file with tests of an invariant' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document, or a list of several' }),

  async handler({ runs = [], test, ...flags }) {
    if (test === undefined) return await checkRuns(runs, flags);
    const idle = [...runs, ...flagNames({ invariants: flags.invariants, known: flags.known, json: flags.json })];
    if (idle.length > 0)
      throw new UsageError(`--test plays a test of an invariant, and no run: leave out ${idle.join(', ')}.`);
    const { playTests } = await import('../judge/invariant-test.ts');
    return await playTests(test, (line) => console.log(visible(line)));
  },
};

/** A run that is damaged keeps no verdict from the others. */
async function checkRuns(
  runs: readonly string[],
  { invariants, known, json }: Pick<CheckFlags, 'invariants' | 'known' | 'json'>,
): Promise<number> {
  if (runs.length === 0) throw new UsageError('Name a run folder, or a test with --test FILE.');
  const [own, against] = await collectUsageErrors(
    () => ownInvariantsFor(runs, invariants),
    () => againstFile(known),
    ...runs.map((run) => () => readManifest(run)),
  );
  const judgements: Judgement[] = [];
  const problems: string[] = [];
  for (const run of runs) {
    try {
      const judgement = await judgeRunFolder(run, own, against);
      judgements.push(judgement);
      if (!json || runs.length === 1) printJudgement(judgement, { json, own });
      if (!json && runs.length > 1) console.log();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  if (runs.length > 1 && json) printJson(judgements);
  if (runs.length > 1 && !json) console.log(summary(judgements, against !== undefined));
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  const verdicts = judgements.map(verdictForExit);
  return exitCodeOfVerdict(ORDER.find((verdict) => verdicts.includes(verdict)) ?? 'unknown');
}

/** Several runs are what the first of these says that one of them is. */
const ORDER: readonly Verdict[] = ['fail', 'unknown', 'pass'];

function summary(judgements: readonly Judgement[], isKnown: boolean): string {
  const verdicts = numbersOf(judgements.map(({ verdict }) => verdict));
  const known = isKnown ? `; with the known findings ${numbersOf(judgements.map(verdictForExit))}` : '';
  return `${counted(judgements.length, 'run')}: ${verdicts}${known}`;
}

function numbersOf(verdicts: readonly Verdict[]): string {
  return ORDER.map((wanted) => `${verdicts.filter((one) => one === wanted).length} ${wanted.toUpperCase()}`).join(', ');
}
