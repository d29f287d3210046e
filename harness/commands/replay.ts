import { replayText } from '../../reports/terminal/replay.ts';
import { type CliCommand, EXIT_CODE, exitCodeOfError } from '../console/command.ts';
import { wantsColor } from '../console/judgement.ts';
import { printJson, say } from '../console/print.ts';
import type { ReplayOutcome } from '../model/episode.ts';
import { messageOf } from '../model/errors.ts';
import { type ReplayFlags, replayOptions } from '../replay/options.ts';
import { playReplay } from '../replay/play.ts';
import { resolveReplay } from '../replay/resolve.ts';

const CODES: Readonly<Record<ReplayOutcome, number>> = {
  broken: EXIT_CODE.fail,
  held: EXIT_CODE.pass,
  excluded: EXIT_CODE.pass,
  'not-reached': EXIT_CODE.unknown,
  'by-the-hold': EXIT_CODE.unknown,
};

export const replayCommand: CliCommand<ReplayFlags> = {
  builder: replayOptions,

  check: resolveReplay,

  async handler(flags) {
    const { replay, failure } = await playReplay(flags);
    if (flags.json) printJson(replay);
    else process.stdout.write(`${replayText(replay, { color: wantsColor() })}\n`);
    if (failure === undefined) return CODES[replay.outcome];
    say(messageOf(failure));
    return exitCodeOfError(failure);
  },
};
