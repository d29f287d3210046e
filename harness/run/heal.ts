import { existsSync, rmSync } from 'node:fs';

import { removeDeadSocket } from '../handoff/listen.ts';
import { messageOf } from '../model/errors.ts';
import { namespaceOf } from '../model/namespace.ts';
import { removalSql } from '../record/installed.ts';
import { type FoundRun, removeInstallations } from '../record/removal.ts';
import { DagFolder } from '../stacks/dag-folder.ts';
import { readTarget, type Target } from '../stacks/target-file.ts';
import { databaseError } from '../system/postgres-client.ts';
import { type HealOptions, heal, releaseTarget } from '../system/process-table.ts';

/** What was done, one sentence a line, and whether all of it succeeded. */
export interface HealReport {
  readonly lines: readonly string[];
  readonly isDone: boolean;
}

/** Removes what dead harnesses have left on this machine and in the databases that they noted. */
export async function healAll(options: HealOptions & { readonly sayLiving?: boolean } = {}): Promise<HealReport> {
  const { sayLiving = true } = options;
  const lines: string[] = [];
  let isDone = true;
  for (const { id, outcome, processes, folders, targets } of await heal(options)) {
    if (outcome === 'healed') lines.push(`${id}: healed (${processes} processes ended, ${folders} folders removed)`);
    else if (outcome === 'still running' && sayLiving)
      lines.push(`${id}: is still running; end it with Ctrl-C or \`windtunnel down\``);
    else if (outcome === 'of another machine')
      lines.push(`${id}: of another machine that shares this folder, and left alone: heal it there`);
    else if (outcome === 'unreadable') {
      isDone = false;
      lines.push(`${id}: is not what a harness writes, and left alone: remove it`);
    }
    for (const file of targets) {
      const report = await healTarget(file, [id]);
      lines.push(...report.lines);
      isDone &&= report.isDone;
      if (report.isDone) releaseTarget(id, file);
    }
  }
  return { lines, isDone };
}

/**
 * Removes what runs have left in the database of a target, found by their names. `ended`: runs that are known to have
 * ended; others are left alone while a connection says that they live.
 */
export async function healTarget(file: string, ended: readonly string[] = []): Promise<HealReport> {
  let found: FoundRun[];
  let files: string[];
  try {
    const target = readTarget(file, ['dsn_password']);
    found = await removeInstallations(target.fullDsn, { ended });
    files = await removeFiles(target, [
      ...ended,
      ...found.flatMap(({ run, outcome }) => (outcome === 'removed' ? run : [])),
    ]);
  } catch (error) {
    const byHand = ended.map((run) => `By hand, in its database:\n${removalSql(run)}`);
    return { lines: [`${file}: not healed, because ${messageOf(databaseError(error))}`, ...byHand], isDone: false };
  }
  const removed = files.map((name) => `${file}: removed ${name}`);
  if (found.length === 0)
    return { lines: [`${file}: nothing of ours is left in the database`, ...removed], isDone: true };
  return {
    lines: [...found.flatMap((one) => linesOf(file, one)), ...removed],
    isDone: found.every(({ outcome, run }) => outcome === 'removed' || (outcome !== 'left' && !ended.includes(run))),
  };
}

/** Of these runs, where the target's folders can be reached from here: their DAGs, and the socket of the hand-off. */
async function removeFiles({ dags_folder, handoff }: Target, runs: readonly string[]): Promise<string[]> {
  const files = runs.flatMap((run) => new DagFolder(dags_folder, [], namespaceOf(run)).files);
  const there = files.filter((name) => existsSync(name));
  for (const name of there) rmSync(name, { force: true });
  return (await removeDeadSocket(handoff)) ? [...there, handoff] : there;
}

function linesOf(file: string, { run, outcome, what, from, left }: FoundRun): string[] {
  const ofRun = from === undefined ? `of run ${run}` : `of run ${run} (${from})`;
  if (outcome === 'removed') return [`${file}: removed ${what} ${ofRun}`];
  if (outcome === 'still running') return [`${file}: ${what} ${ofRun}, which is still running, left alone`];
  return [`${file}: not healed, ${ofRun} there is still ${left?.what}. By hand, in that database:\n${left?.sql}`];
}
