import type { CommandModule } from 'yargs';

import { heal } from '../stacks/process-table.ts';

export const healCommand: CommandModule<object, object> = {
  command: 'heal',
  describe: 'Take away what a killed run left: processes, ports, temporary folders',
  builder: (args) => args,

  async handler() {
    const results = await heal();
    for (const { id, outcome, processes, folders } of results) {
      if (outcome === 'still running')
        console.log(`${id}: is still running; end it with Ctrl-C or \`windtunnel down\``);
      else console.log(`${id}: healed (${processes} processes ended, ${folders} folders removed)`);
    }
    if (results.length === 0) console.log('Nothing to heal.');
  },
};
