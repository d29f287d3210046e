import type { CliCommand } from '../console/command.ts';
import { EXIT_CODE, exitCodeOfError, textOfError } from '../console/command.ts';
import { say } from '../console/print.ts';
import { makeScript } from '../script/make.ts';
import { type ScriptFlags, scriptOptions } from '../script/options.ts';
import { resolveScript } from '../script/resolve.ts';

export const scriptCommand: CliCommand<ScriptFlags> = {
  builder: scriptOptions,

  check: resolveScript,

  async handler(flags) {
    const { isDone, failure } = await makeScript(await resolveScript(flags), (line) => console.log(line));
    if (failure === undefined) return isDone ? EXIT_CODE.pass : EXIT_CODE.unknown;
    say(textOfError(failure));
    return exitCodeOfError(failure);
  },
};
