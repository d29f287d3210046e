import type { CliCommand } from '../console/command.ts';

import { exitCodeOfVerdict } from '../console/exit-code.ts';
import { printJudgement } from '../console/judgement.ts';
import { judgeRunFolder } from '../run/run.ts';

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
    const judgement = await judgeRunFolder(flags.run);
    printJudgement(judgement, flags.json);
    return exitCodeOfVerdict(judgement.verdict);
  },
};
