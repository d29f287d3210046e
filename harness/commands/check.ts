import { type CliCommand, exitCodeOfVerdict } from '../console/command.ts';
import { printJudgement } from '../console/judgement.ts';
import { playTests } from '../judge/invariant-test.ts';
import { UsageError } from '../model/errors.ts';
import { flagNames } from '../run/flag-words.ts';
import { judgeRunFolder } from '../run/judge-folder.ts';
import { OWN_INVARIANTS, ownInvariantsFor } from '../run/own-invariants.ts';

interface CheckFlags {
  readonly run?: string | undefined;
  readonly invariants?: string | undefined;
  readonly test?: string | undefined;
  readonly json?: boolean | undefined;
}

export const checkCommand: CliCommand<CheckFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', describe: 'A run folder' })
      .options(OWN_INVARIANTS)
      .option('test', { type: 'string', describe: 'Instead of a run: a .yaml file with tests of an invariant' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' }),

  async handler({ run, invariants, test, json }) {
    if (test !== undefined) {
      const idle = [...(run === undefined ? [] : [run]), ...flagNames({ invariants, json })];
      if (idle.length > 0)
        throw new UsageError(`--test plays a test of an invariant, and no run: leave out ${idle.join(', ')}.`);
      return await playTests(test, (line) => console.log(line));
    }
    if (run === undefined) throw new UsageError('Name a run folder, or a test with --test FILE.');
    const own = await ownInvariantsFor([run], invariants);
    const judgement = await judgeRunFolder(run, own);
    printJudgement(judgement, { json, own });
    return exitCodeOfVerdict(judgement.verdict);
  },
};
