import { StackError } from '../model/errors.ts';
import { groupBy } from '../model/group-by.ts';
import type { Rng } from '../model/rng.ts';
import type { PlannedFault } from '../model/scenario.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import { isAlive } from '../system/proc.ts';

/** Draws a process: first its role, so that the one dag-processor is as likely as five schedulers together. */
export function drawProcess(processes: readonly string[], rng: Rng): string {
  return pickFrom(pickFrom([...groupBy(processes, roleOf).values()], rng), rng);
}

/** `scheduler-2` → `scheduler`. */
export function roleOf(name: string): string {
  return name.replace(/-\d+$/, '');
}

/** The process of that name. Throws a StackError if there is none, or if it has ended and is not started again yet. */
export function processOf(stack: Stack, name: string): SupervisedProcess {
  const process = stack.processes.find((other) => other.name === name);
  if (!process || !isAlive(process.pid)) throw new StackError(`There is no process ${name} at this moment.`);
  return process;
}

/** Damage to the database is damage to every process. */
export function sameVictim(a: PlannedFault, b: PlannedFault): boolean {
  return a.victim === b.victim || a.victim === 'postgres' || b.victim === 'postgres';
}

export function pickFrom<T>(items: readonly T[], rng: Rng): T {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error('nothing to draw from');
  return rng.pick([first, ...rest]);
}
