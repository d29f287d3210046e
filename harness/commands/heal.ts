import { counted } from '../../reports/words.ts';
import { type CliCommand, EXIT_CODE } from '../console/command.ts';
import { healAll, healTarget } from '../run/heal.ts';
import { dsnOfTarget } from '../stacks/target-file.ts';
import { sweepScratchFolders } from '../system/scratch-folder.ts';

interface HealFlags {
  readonly target?: string | undefined;
}

export const healCommand: CliCommand<HealFlags> = {
  builder: (args) =>
    args.option('target', {
      type: 'string',
      describe: 'Only what runs have left in the database of this target, wherever they ran',
    }),

  async check({ target }) {
    if (target !== undefined) dsnOfTarget(target);
  },

  async handler({ target }) {
    if (target !== undefined) dsnOfTarget(target);
    const { lines, isDone } = await (target === undefined ? healAll() : healTarget(target));
    const swept = target === undefined ? sweepScratchFolders() : 0;
    for (const line of lines) console.log(line);
    if (swept > 0) console.log(`removed ${counted(swept, 'temporary folder')} of judging`);
    if (lines.length === 0 && swept === 0) console.log('Nothing to heal.');
    return isDone ? EXIT_CODE.pass : EXIT_CODE.stack;
  },
};
