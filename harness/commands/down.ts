import type { CliCommand } from '../console/command.ts';

import { heal, runningStacks } from '../system/process-table.ts';

export const downCommand: CliCommand<object> = {
  builder: (args) => args,

  async handler() {
    const ids = runningStacks();
    const results = (await heal(ids)).filter(({ id }) => ids.includes(id));
    for (const { id } of results) console.log(`${id}: down`);
    if (ids.length === 0) console.log('No stack is up.');
    return 0;
  },
};
