import { comparisonText } from '../../reports/terminal/comparison.ts';
import { type CompareFlags, checkComparison, compareOptions } from '../compare/options.ts';
import { playComparison } from '../compare/play.ts';
import { type CliCommand, exitCodeOfVerdict } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson } from '../console/print.ts';

export const compareCommand: CliCommand<CompareFlags> = {
  builder: compareOptions,

  check: checkComparison,

  async handler(flags) {
    const { comparison, folder } = await playComparison(flags, interruptSignal());
    if (flags.json) printJson(comparison);
    else process.stdout.write(`${comparisonText(comparison, { color: wantsColor(), folder })}\n`);
    return exitCodeOfVerdict(comparison.verdict);
  },
};
