import { counted } from '../../reports/words.ts';
import type { CliCommand } from '../console/command.ts';
import { messageOf } from '../model/errors.ts';
import { removeWriters } from '../record/writers.ts';
import { dsnOfTarget } from '../stacks/target-file.ts';
import { heal } from '../system/process-table.ts';
import { sweepScratchFolders } from '../system/scratch-folder.ts';

export const healCommand: CliCommand<object> = {
  builder: (args) => args,

  async handler() {
    const results = await heal();
    for (const { id, outcome, processes, folders, targets } of results) {
      for (const target of targets) await healTarget(target);
      if (outcome === 'still running')
        console.log(`${id}: is still running; end it with Ctrl-C or \`windtunnel down\``);
      else console.log(`${id}: healed (${processes} processes ended, ${folders} folders removed)`);
    }
    const swept = sweepScratchFolders();
    if (swept > 0) console.log(`removed ${counted(swept, 'temporary folder')} of judging`);
    if (results.length === 0 && swept === 0) console.log('Nothing to heal.');
    return 0;
  },
};

/** If the stack or its target file is gone, nothing of ours is left there. */
async function healTarget(file: string): Promise<void> {
  try {
    await removeWriters(dsnOfTarget(file));
    console.log(`${file}: removed the recorder's triggers and replication slot`);
  } catch (error) {
    console.log(`${file}: not healed, because ${messageOf(error)}`);
  }
}
