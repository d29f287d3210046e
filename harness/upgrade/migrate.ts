import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { StackError } from '../model/errors.ts';
import type { BuildRecipe, StackSite } from '../stacks/managed.ts';
import type { ProcessTable } from '../system/process-table.ts';

/** The database of a run is small: minutes at most. */
const MOST_MS = 15 * 60_000;
/** Lines of its log that are said. */
const SAID = 5;
/** Frames of a Python traceback, which are in the log: the error that follows them is what it says. */
const FRAME = /^(\s|Traceback )/;

interface MigrateOptions {
  readonly table: ProcessTable;
  readonly log: string;
  readonly signal: AbortSignal;
}

export interface Migrated {
  readonly seconds: number;
  readonly how: string;
  readonly said: readonly string[];
}

/** Runs the migration of a build on a database that another build has used; undefined if the build has none. */
export async function migrate(
  { layout }: StackSite,
  recipe: BuildRecipe,
  { table, log, signal }: MigrateOptions,
): Promise<Migrated | undefined> {
  const command = recipe.migration?.(layout);
  if (command === undefined) return undefined;
  const began = performance.now();
  const { file, args, env } = command;
  const child = table.start('migration', file, args, { env, cwd: layout.folder, log });
  const timer = new AbortController();
  const late = sleep(MOST_MS, `took more than ${MOST_MS / 60_000} minutes`, {
    signal: AbortSignal.any([timer.signal, signal]),
  });
  const how = await Promise.race([child.ended, late]).finally(() => timer.abort());
  return { seconds: (performance.now() - began) / 1000, how, said: lastLines(log) };
}

/** StackError with what the migration said, if it did not succeed. */
export function checkMigrated({ how, said }: Migrated, { build }: BuildRecipe, log: string): void {
  if (how === 'ended with code 0') return;
  throw new StackError(
    [`The migration to ${build} failed: it ${how} (see ${log}). It said:`, ...said.map((line) => `  ${line}`)].join(
      '\n',
    ),
  );
}

function lastLines(log: string): string[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !FRAME.test(line))
    .slice(-SAID);
}
