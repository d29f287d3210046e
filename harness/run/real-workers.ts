import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { RealWorkersOptions } from '../fleet/engines/real/real.ts';
import { StackError } from '../model/errors.ts';
import type { Command } from '../model/stack.ts';
import type { RunSession } from './session.ts';

/** The process of the real workers is in the process table; what each of them prints is in the run folder. */
export function realWorkersOptions(
  most: number,
  command: Command | undefined,
  { table, record }: Pick<RunSession, 'table' | 'record'>,
): Pick<RealWorkersOptions, 'most' | 'socket' | 'start' | 'runFolder' | 'logOf'> {
  if (!command) throw new StackError('This stack has no real workers: leave out --real-workers.');
  const folder = table.folder(path.join(os.tmpdir(), `wt-${table.id}-workers`));
  const logs = path.join('logs', 'workers');
  mkdirSync(path.join(record.path, logs), { recursive: true });
  return {
    most,
    socket: path.join(folder, 'workers.sock'),
    runFolder: record.path,
    logOf: (life) => path.join(logs, `life-${life}.log`),
    start: (env) =>
      table.start('real-workers', command.file, command.args, {
        env: { ...command.env, ...env },
        cwd: folder,
        log: record.log('real-workers'),
      }),
  };
}
