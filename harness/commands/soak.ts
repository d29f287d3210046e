import { soakText } from '../../reports/terminal/soak.ts';
import { type CliCommand, exitCodeOfError, exitCodeOfVerdict, verdictForExit } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson, say } from '../console/print.ts';
import { type SoakFlags, soakOptions } from '../soak/options.ts';
import { type PlayedSoak, playSoak, resolveSoak } from '../soak/play.ts';
import { commandToResume } from '../soak/resume.ts';

export const soakCommand: CliCommand<SoakFlags> = {
  builder: soakOptions,

  check: resolveSoak,

  async handler(flags) {
    const played = await playSoak(flags);
    const { path, soak } = played.folder;
    if (flags.json) printJson(soak);
    else process.stdout.write(`${soakText(soak, { color: wantsColor() })}\n`);
    if (soak.state !== 'completed') say(`To continue: ${commandToResume(path, soak)}`);
    return exitCodeOf(played);
  },
};

function exitCodeOf({ folder: { soak }, failure }: PlayedSoak): number {
  return failure === undefined ? exitCodeOfVerdict(verdictForExit(soak)) : exitCodeOfError(failure);
}
