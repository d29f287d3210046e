import path from 'node:path';

import { upgradeText } from '../../reports/terminal/upgrade.ts';
import { type CliCommand, EXIT_CODE, exitCodeOfError, exitCodeOfVerdict, textOfError } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson, say } from '../console/print.ts';
import { type UpgradeFlags, upgradeOptions } from '../upgrade/options.ts';
import { playUpgrade, resolveUpgrade } from '../upgrade/play.ts';

export const upgradeCommand: CliCommand<UpgradeFlags> = {
  builder: upgradeOptions,

  check: resolveUpgrade,

  async handler(flags) {
    const { folder, failure } = await playUpgrade(flags);
    if (flags.json) printJson(folder.upgrade);
    else process.stdout.write(`${upgradeText(folder.upgrade, { color: wantsColor() })}\n`);
    const code = failure === undefined ? exitCodeOfVerdict(folder.upgrade.verdict) : exitCodeOfError(failure);
    // Why an upgrade ended early is part of what is printed; a crash needs its stack trace.
    if (code === EXIT_CODE.crash) say(textOfError(failure));
    say(`Recorded in ${path.relative('.', folder.path)}.`);
    return code;
  },
};
