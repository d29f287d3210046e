import { interruptSignal } from '../console/interrupt.ts';
import { NO_NUMBERS } from '../console/live-line.ts';
import { openMetrics } from '../console/metrics.ts';
import { say } from '../console/print.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import { messageOf } from '../model/errors.ts';
import { resolveEngine } from '../run/engine.ts';
import { DEFAULT_BUILD } from '../run/subject.ts';
import { bornAt } from '../system/proc.ts';
import { type NewSoak, newSoak } from './begin.ts';
import { SoakFolder } from './folder.ts';
import { SoakKnown } from './known.ts';
import type { SoakFlags } from './options.ts';
import { checkResume, resumeSoak } from './resume.ts';
import { SoakSession } from './session.ts';

export interface PlayedSoak {
  readonly folder: SoakFolder;
  /** Why the session failed; undefined if it did not. */
  readonly failure: unknown;
}

/** What the flags ask for: the plan of a new soak, or none for one that is resumed. UsageError: all that is wrong. */
export async function resolveSoak(flags: SoakFlags): Promise<NewSoak | undefined> {
  if (flags.resume === undefined) return newSoak(flags);
  await checkResume(flags, flags.resume);
  return undefined;
}

/** Plays a new soak or the rest of one, and serves `/metrics` if asked to. Rejects only for wrong flags. */
export async function playSoak(flags: SoakFlags): Promise<PlayedSoak> {
  const wanted = await resolveSoak(flags);
  let session: SoakSession | undefined;
  const served = {
    label: flags.resume ?? flags.target ?? flags.build ?? DEFAULT_BUILD,
    read: () => session?.now() ?? { ...NO_NUMBERS, phase: 'starting', elapsedMs: 0 },
    note: say,
  };
  // The metrics port is opened before the folder is made: a port in use must not leave a folder behind.
  const metrics = await openMetrics(flags, served);
  try {
    const folder = await (wanted
      ? SoakFolder.create(wanted.folder, wanted.soak, wanted.known)
      : resumeSoak(flags.resume ?? ''));
    const signal = interruptSignal();
    session = await newSession(folder, signal);
    let failure: unknown;
    try {
      await session.judgeLeftOver();
      await session.run();
    } catch (error) {
      failure = error;
    }
    await noteEnd(folder, { signal, stopped: session.stopped, failure });
    return { folder, failure: signal.aborted ? signal.reason : failure };
  } finally {
    await metrics.close();
  }
}

async function newSession(folder: SoakFolder, signal: AbortSignal): Promise<SoakSession> {
  const { sessions } = folder.soak;
  const engine = await resolveEngine(folder.soak.engine ?? {}, true);
  const own = await readOwnInvariants(folder.soak.invariants);
  const number = sessions.length + 1;
  const harness = { pid: process.pid, born: bornAt(process.pid) ?? '' };
  const session = { number, started_at: new Date().toISOString(), harness, identity: null };
  await folder.update({ sessions: [...sessions, session] });
  await folder.compareWith(await SoakKnown.open(folder.path, folder.soak));
  return new SoakSession(folder, { number, engine, own, signal });
}

interface SessionEnd {
  readonly signal: AbortSignal;
  readonly stopped: string | undefined;
  readonly failure: unknown;
}

async function noteEnd(folder: SoakFolder, { signal, stopped, failure }: SessionEnd): Promise<void> {
  if (signal.aborted) await folder.update({ state: 'interrupted', why: messageOf(signal.reason) });
  else if (stopped !== undefined) await folder.update({ state: 'stopped', why: stopped });
  else if (failure !== undefined) {
    await folder.update({ state: 'stack-failed', why: messageOf(failure) });
    say(messageOf(failure));
  } else await folder.update({ state: 'completed', why: null });
}
