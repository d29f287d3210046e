import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';

import { UsageError } from '../model/errors.ts';
import type { Soak } from '../model/soak.ts';
import { engineWords } from '../run/engine.ts';
import { bornAt } from '../system/proc.ts';
import { heal } from '../system/process-table.ts';
import { lastWritten, SoakFolder } from './folder.ts';
import type { SoakFlags } from './options.ts';

/** Flags that the plan in the folder replaces. */
const PLANNED = [
  'scenario',
  'build',
  'target',
  'seed',
  'duration',
  'schedulers',
  'apiServers',
  'faults',
  'stopOn',
  'invariants',
  'out',
] as const;

/**
 * Opens the folder of a soak that ended early. What a killed harness left running is stopped, its open window is closed
 * as broken off, and the gap is recorded. Throws a UsageError if the soak is complete or still running.
 */
export async function resumeSoak(flags: SoakFlags, resume: string): Promise<SoakFolder> {
  checkFlags(flags, resume);
  const folder = SoakFolder.open(path.resolve(resume));
  checkState(folder.soak, resume);
  const { sessions, windows, gaps, started_at } = folder.soak;
  const last = sessions.at(-1);
  // A killed harness leaves its stack; two stacks would not fit on the machine.
  if (last) await heal([], { of: last.harness });
  const open = windows.find(({ ended }) => ended === null);
  // Killed before its manifest was written, a window has no data, and its folder name is needed again.
  const begun = open !== undefined && existsSync(path.join(folder.runFolder(open), 'manifest.json'));
  const written = lastWritten(begun ? folder.runFolder(open) : path.join(folder.path, 'windows'));
  if (open && !begun) rmSync(folder.runFolder(open), { recursive: true, force: true });
  const from = (written ?? new Date(last?.started_at ?? started_at)).toISOString();
  await folder.update({
    state: 'running',
    why: null,
    gaps: [...gaps, { from, to: new Date().toISOString(), window: open?.number ?? null }],
    windows: windows.flatMap((one) => (one !== open ? [one] : begun ? [{ ...one, ended: 'broken-off' as const }] : [])),
  });
  return folder;
}

function checkFlags(flags: SoakFlags, resume: string): void {
  const [word] = engineWords(flags);
  if (word !== undefined) throw new UsageError(`${resume} has its engine: --resume cannot be given with ${word}.`);
  const given = PLANNED.filter((name) => flags[name] !== undefined);
  if (given.length > 0)
    throw new UsageError(`${resume} has its plan: --resume cannot be given with ${given.join(', ')}.`);
}

function checkState({ sessions, windows, windows_planned }: Soak, resume: string): void {
  const last = sessions.at(-1);
  if (last && last.harness.born !== '' && bornAt(last.harness.pid) === last.harness.born)
    throw new UsageError(
      `The soak in ${resume} is still running, as process ${last.harness.pid}: end it with Ctrl-C first.`,
    );
  const done = new Set(windows.filter(({ ended }) => ended === 'completed').map(({ number }) => number));
  if (done.size >= windows_planned && windows.every(({ judged }) => judged !== null))
    throw new UsageError(`The soak in ${resume} is complete: nothing is left to run.`);
}
