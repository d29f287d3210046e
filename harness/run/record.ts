import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { nextDue } from '../model/arrivals.ts';
import { messageOf, StackError } from '../model/errors.ts';
import { note } from '../model/run-context.ts';
import type { Stack } from '../model/stack.ts';
import { FINAL_TABLES } from '../model/tables.ts';
import { noteNotCopied, takeSnapshot } from '../record/snapshot.ts';
import { untilItAnswers } from '../system/postgres-client.ts';
import { runAll } from './errgroup.ts';
import { liveNumbers, openParts, type Parts } from './parts.ts';
import { waitForQuiescence } from './quiesce.ts';
import { makeReady } from './ready.ts';
import { beginCommits, restoreDatabase } from './recorder-rights.ts';
import { playScript } from './script.ts';
import type { RunSession } from './session.ts';

/** Lives under way when the load ends may finish; the others end as `run-ended`, which is no violation. */
const SETTLE_MS = 6_000;
/** How long a database may be away when the load has ended. */
const AWAY_MS = 30_000;
/** The same of a run that is to stop at once. */
const STOPPED_AWAY_MS = 5_000;

/**
 * Records a run, step by step; nothing is judged here. It ends early when the session stops: what was
 * recorded until then is closed in order, so that it can be judged.
 */
export async function playAndRecord(session: RunSession, stack: Stack): Promise<'completed' | 'interrupted'> {
  const { progress, stop, time } = session;
  const observing = new AbortController();
  const parts = await time('make the parts', () => openParts(session, stack, observing.signal));
  let probing: Promise<void> = Promise.resolve();
  try {
    // While the processes of the stack import and connect.
    if (!stack.outlivesRun) await parts.dags.announce();
    await Promise.all([
      time('begin the commit stream', () => beginCommits(session, stack, parts.commits)).then(() =>
        session.spec.shared?.carried?.onRecording?.(),
      ),
      time('wait for the stack', () => stack.ready),
    ]);
    session.throwIfFailed();
    progress.phase('connecting');
    session.timings.noteProcesses('ready', stack.processes);
    await parts.probes.start();
    probing = parts.probes.run(observing.signal);
    parts.supervisor.start();
    progress.numbers(() => liveNumbers(parts));
    await makeReady(session, stack, parts);

    progress.phase('load');
    await load(session, stack, parts);
    session.throwIfFailed();
    progress.phase('settling');
    await time('recover from faults', () => parts.nemesis.awaitRecovery(stop));
    await time('let lives end', () => settle(session, stack, parts));
  } finally {
    try {
      await time('stop the fleet', () => stopLoad(parts));
      const isThere = await databaseAnswers(session, stack, parts);
      // A run that is to stop at once does not wait for it; then what is not settled stays open.
      if (isThere && !stop.aborted && session.record.loadBegan)
        await attempt('see the API servers quiescent', () => waitForQuiescence(stack, session), session);
      if (isThere) await attempt('read the last samples', () => parts.probes.read(), session);
      observing.abort();
      await probing;
      progress.phase('snapshot');
      await close(session, stack, parts, isThere);
    } finally {
      if (!session.spec.shared?.carried) parts.dags.remove();
    }
  }
  session.throwIfFailed();
  return session.isInterrupted ? 'interrupted' : 'completed';
}

/**
 * Whether the database can still be asked: one that was restarted needs a while. If not, what needs it is left out,
 * because each part would wait for it again, and the run has failed.
 */
async function databaseAnswers(session: RunSession, { dsn }: Stack, { outages }: Parts): Promise<boolean> {
  const withinMs = session.stop.aborted ? STOPPED_AWAY_MS : AWAY_MS;
  try {
    await session.time('ask the database', () => untilItAnswers(dsn, withinMs));
    return true;
  } catch (error) {
    outages.failed(error, { isSure: true });
    const what = `When the load had ended, the database was away for ${withinMs / 1000} s`;
    session.fail(new StackError(`${what}, so that the record is incomplete: ${messageOf(error)}.`, { cause: error }));
    return false;
  }
}

/** Operators, churn and faults, until the scenario's time is up or the run stops. */
async function load(session: RunSession, stack: Stack, parts: Parts): Promise<void> {
  const { operators, nemesis, dags } = parts;
  const { plan, record, clock, stop, spec } = session;
  await record.updateManifest({ load_started_ms: clock.now() });
  const timeIsUp = new AbortController();
  await runAll(AbortSignal.any([stop, timeIsUp.signal]), [
    (signal) => operators.run(signal),
    (signal) => churn(session, dags, signal),
    (signal) => nemesis.run(signal),
    async (signal) => spec.shared?.carried?.duringLoad?.(signal),
    // Workers need no driver: lives begin as the schedulers hand workloads over. This only measures the time.
    async (signal) => {
      if (spec.script) await playScript(spec.script, { session, stack, parts, signal });
      else await sleep(plan.scenario.duration_s * 1000, undefined, { signal }).catch(() => undefined);
      timeIsUp.abort();
    },
  ]);
  await record.updateManifest({ load_ended_ms: clock.now() });
}

async function churn({ plan, clock }: RunSession, dags: Parts['dags'], signal: AbortSignal): Promise<void> {
  const { churn } = plan.scenario;
  if (!churn) return;
  const every = churn.every_ms;
  for (let due = clock.now() + every; !signal.aborted; due = nextDue(due, every, clock.now())) {
    await sleep(Math.max(0, due - clock.now()), undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await dags.bumpRevision(churn.dags);
  }
}

/** No new work, then time for the lives under way. */
async function settle(session: RunSession, stack: Stack, parts: Parts): Promise<void> {
  const { fleet, engine, operators, supervisor } = parts;
  const { clock, stop, spec } = session;
  const settleMs = spec.shared?.settleMs ?? SETTLE_MS;
  const until = clock.now() + settleMs;
  engine.willEndAt?.(until);
  const deadline = AbortSignal.timeout(settleMs);
  setMaxListeners(0, deadline);
  const stopWork = spec.shared?.carried?.stopWork;
  if (stopWork) await stopWork((process) => void supervisor.hold(process));
  else await operators.pauseDags(dagIdsOf(session, stack), true, deadline).catch(() => undefined);
  while (fleet.live.length > 0 && clock.now() < until && !stop.aborted) await sleep(100);
}

function dagIdsOf({ plan }: Pick<RunSession, 'plan'>, { dagNamespace }: Stack): string[] {
  return plan.scenario.dags.map(({ dag_id }) => `${dagNamespace}${dag_id}`);
}

/** Lives first, then what they use: the last request of each is in the record. */
async function stopLoad({ fleet, dispatcher, engine, operators }: Parts): Promise<void> {
  await fleet.close();
  await dispatcher.close();
  await engine.close();
  await operators.close();
}

async function close(
  session: RunSession,
  stack: Stack,
  { commits, probes, serverLog, sightings }: Parts,
  isThere: boolean,
): Promise<void> {
  const { record, subject, clock } = session;
  const isShared = 'target' in subject;
  const dagIds = dagIdsOf(session, stack);
  const { trace } = session;
  if (isThere && trace) await attempt('count the statements', () => trace.end(stack.dsn), session);
  if (isThere) {
    const copy = () => takeSnapshot({ dsn: stack.dsn, dagIds, isShared, clock }, record);
    await attempt('take the snapshot', copy, session);
  } else {
    noteNotCopied(FINAL_TABLES, session, 'the database was away');
  }
  await attempt('close the commit stream', () => commits.stop(), session);
  if (stack.outlivesRun) {
    const restore = () => restoreDatabase(session, stack, { commits, wasThere: isThere });
    await session.time('restore the database', restore);
  }
  await attempt('close the probe', () => probes.close(), session);
  serverLog.close();
  await attempt('say what was seen', () => sightings.close(), session);
  await record.flush();
}

/** Closing continues whatever fails; what failed is in the record, where the judge's assumptions find it. */
async function attempt(what: string, action: () => Promise<void>, session: RunSession): Promise<void> {
  try {
    await session.time(what, action);
  } catch (error) {
    note(session, 'ERROR', `could not ${what}: ${messageOf(error)}`);
  }
}
