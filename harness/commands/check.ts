import type { CliCommand } from '../console/command.ts';

import { exitCodeOfVerdict } from '../console/exit-code.ts';
import { judgeRun, printJudgement } from '../run/judge-run.ts';

interface CheckFlags {
  readonly run: string;
  readonly json?: boolean | undefined;
}

export const checkCommand: CliCommand<CheckFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' }),

  async handler(flags) {
    const judgement = await judgeRun(flags.run);
    printJudgement(judgement, flags.json);
    return exitCodeOfVerdict(judgement.verdict);
  },
};
