import { counted } from '../../reports/words.ts';
import type { CliCommand } from '../console/command.ts';
import { say } from '../console/print.ts';
import { knownText } from '../known/file.ts';
import { mergeKnown } from '../known/merge.ts';
import { type KnownFlags, knownOptions, resolveKnown } from '../known/options.ts';
import { readBatches } from '../known/sources.ts';
import { writeNewFile } from '../run-folder/out.ts';

export const knownCommand: CliCommand<KnownFlags> = {
  builder: knownOptions,

  check: resolveKnown,

  async handler(flags) {
    const { words, before, out } = await resolveKnown(flags);
    const { file, expired, repeated, unfinished } = mergeKnown(before, await readBatches(words));
    for (const { title, fingerprint, last_seen } of expired) {
      say(`Gone, last seen on ${last_seen}: ${title} [${fingerprint}].`);
    }
    if (repeated.length > 0) say(`Already in the file, and not counted again: ${repeated.join(', ')}.`);
    if (unfinished.length > 0) say(`Left out, because they did not come to their end: ${unfinished.join(', ')}.`);
    const text = knownText(file);
    if (out === undefined) process.stdout.write(text);
    else {
      writeNewFile(out, text);
      const runs = file.sources.reduce((sum, source) => sum + source.runs, 0);
      console.log(`${out}: ${counted(file.findings.length, 'finding')} of ${counted(runs, 'run')}`);
    }
    return 0;
  },
};
