import { type CliCommand, EXIT_CODE } from '../console/command.ts';

import { healAll } from '../run/heal.ts';
import { heal, runningStacks } from '../system/process-table.ts';

export const downCommand: CliCommand<object> = {
  builder: (args) => args,

  async handler() {
    const ids = runningStacks();
    for (const { id } of await heal({ ids })) console.log(`${id}: down`);
    if (ids.length === 0) console.log('No stack is up.');
    // Dead runs may have had these stacks for a target, or another one.
    const { lines, isDone } = await healAll({ sayLiving: false });
    for (const line of lines) console.log(line);
    return isDone ? EXIT_CODE.pass : EXIT_CODE.stack;
  },
};
