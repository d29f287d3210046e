import type { CommandModule } from 'yargs';

import { heal, runningStacks } from '../system/process-table.ts';

export const downCommand: CommandModule<object, object> = {
  command: 'down',
  describe: 'End the stacks that `up` keeps running',
  builder: (args) => args,

  async handler() {
    const ids = runningStacks();
    const results = (await heal(ids)).filter(({ id }) => ids.includes(id));
    for (const { id } of results) console.log(`${id}: down`);
    if (ids.length === 0) console.log('No stack is up.');
  },
};
