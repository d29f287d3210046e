import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import { checkMetrics } from '../console/metrics.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import { isOfFiles, parseBuild } from '../model/build.ts';
import { UsageError } from '../model/errors.ts';
import type { Soak } from '../model/soak.ts';
import { engineGiven, resolveEngine } from '../run/engine.ts';
import { flagNames } from '../run/flag-words.ts';
import { healAll } from '../run/heal.ts';
import { checkStoredPlan, planGiven } from '../run/plan.ts';
import { knownBuild } from '../stacks/start-build.ts';
import { bornAt } from '../system/proc.ts';
import { lastWritten, SoakFolder } from './folder.ts';
import { knownOfSoak } from './known.ts';
import type { SoakFlags } from './options.ts';

/** Throws a UsageError that lists every problem of the flags and of the folder; nothing is changed. */
export async function checkResume(flags: SoakFlags, resume: string): Promise<void> {
  await collectUsageErrors(
    async () => checkFlags(flags, resume),
    async () => {
      const { soak } = SoakFolder.open(path.resolve(resume));
      await collectUsageErrors(
        async () => checkState(soak, resume),
        async () => checkSubject(flags, soak, resume),
        async () => checkStoredPlan(soak.plan, `The plan of ${resume}`, soak.invariants),
        () => resolveEngine(soak.engine ?? {}, true),
        () => readOwnInvariants(soak.invariants),
        async () => knownOfSoak(path.resolve(resume), soak),
      );
    },
    async () => checkMetrics(flags),
  );
}

/**
 * Opens the folder of a soak that ended early. What a killed harness left running is stopped, its open window is closed
 * as broken off, and the gap is recorded. Only after `checkResume`.
 */
export async function resumeSoak(resume: string): Promise<SoakFolder> {
  const folder = SoakFolder.open(path.resolve(resume));
  const { sessions, windows, gaps, started_at } = folder.soak;
  const last = sessions.at(-1);
  // A killed harness leaves its stack; two stacks would not fit on the machine. On a target it leaves the recorder.
  if (last) for (const line of (await healAll({ of: last.harness })).lines) console.error(line);
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
  const { scenario, window, stopOn, keepWindows, disk, invariants, known, out } = flags;
  const of = { window, 'stop-on': stopOn, 'keep-windows': keepWindows, disk, invariants, known, out };
  const given = flagNames({ ...planGiven(flags), ...of, ...engineGiven(flags) });
  if (scenario !== undefined) given.unshift('a scenario');
  if (given.length > 0)
    throw new UsageError(`${resume} has its plan: --resume cannot be given with ${given.join(', ')}.`);
}

/**
 * The folder may be of unknown origin, and what it names is used: the code of a checkout, a wheel, a lock or a patch is
 * run, and a target file says where secrets go. The command line must name these as well. UsageError: it does not, or
 * it names something else.
 */
function checkSubject(flags: SoakFlags, { subject }: Soak, resume: string): void {
  const stored =
    'target' in subject ? { flag: 'target', value: subject.target } : { flag: 'build', value: subject.build };
  const target = flags.target === undefined ? undefined : path.resolve(flags.target);
  const given = 'target' in subject ? (flags.build ?? target) : (target ?? flags.build);
  const again = `--${stored.flag} ${shellWord(stored.value)}`;
  if (given !== undefined && given !== stored.value)
    throw new UsageError(
      `${resume} is a soak of ${stored.value}: --resume cannot change that, give ${again} or neither.`,
    );
  if (given === undefined && mustBeNamed(subject))
    throw new UsageError(`${resume} names ${stored.value}, which would be used: if you trust it, add ${again}.`);
  if ('build' in subject) knownBuild(subject.build);
}

function mustBeNamed(subject: Soak['subject']): boolean {
  if ('target' in subject) return true;
  return isOfFiles(parseBuild(subject.build));
}

/** What continues a soak. */
export function commandToResume(folder: string, { subject }: Soak): string {
  const [[flag = '', value = ''] = []] = Object.entries(subject);
  const named = mustBeNamed(subject) ? ` --${flag} ${shellWord(value)}` : '';
  return `windtunnel soak --resume ${shellWord(folder)}${named}`;
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
