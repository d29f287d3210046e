import type { Stack } from '../model/stack.ts';
import { judgeRunFolder } from './judge-folder.ts';
import { playAndRecord } from './record.ts';
import type { JudgedRun, RecordedRun, RunSpec } from './run-spec.ts';
import { RunSession } from './session.ts';
import { openStack, windowOf } from './stack.ts';

/** A run, and its stack that is being started. */
export interface BegunRun {
  readonly session: RunSession;
  readonly stack: Promise<Stack>;
}

export function beginRun(spec: RunSpec): BegunRun {
  const session = new RunSession(spec);
  const { shared } = spec;
  const stack = shared ? Promise.resolve(windowOf(shared, session.id)) : openStack(session);
  // It is awaited later; a failure before is not an unhandled one.
  stack.catch(() => undefined);
  return { session, stack };
}

/** Removes all that a begun run has made, without playing it. */
export async function abandonRun({ session, stack }: BegunRun): Promise<void> {
  await session.takeDown(await stack.catch(() => undefined));
  await session.record.close();
  session.record.remove();
}

/**
 * A run from its plan to its reports. The live line has ended when this returns. `onDown`: called when the stack is
 * down, which may be before the verdict is there.
 */
export async function runScenario(
  spec: RunSpec,
  { begun, onDown = async () => undefined }: { readonly begun?: BegunRun; onDown?(): Promise<void> } = {},
): Promise<JudgedRun> {
  const { progress, signal } = spec;
  let takenDown: Promise<void> | undefined;
  try {
    const run = begun ?? beginRun(spec);
    const { session } = run;
    const { timings } = session;
    const recorded = await record(run);
    const { folder, failure } = recorded;
    // Judging needs the folder alone: the stack is taken down at the same time.
    takenDown = session.takeDown(recorded.stack).then(() => (failure === undefined ? onDown() : undefined));
    progress.phase('judging');
    const judgement = await timings.time('judge and report', () => judgeRunFolder(folder, spec.own, spec.against));
    progress.judged(judgement);
    await takenDown;
    await timings.write(folder);
    return { folder, judgement, failure: signal.aborted ? signal.reason : failure };
  } finally {
    await takenDown;
    progress.stop();
  }
}

/**
 * From a plan to a closed run folder; the stack is taken down again in every case. A failure before the load rejects,
 * because there is nothing to judge; one during it is in the result.
 */
export async function recordRun(spec: RunSpec): Promise<RecordedRun> {
  const run = beginRun(spec);
  const { session } = run;
  const { stack, ...recorded } = await record(run);
  await session.takeDown(stack);
  await session.timings.write(recorded.folder);
  return recorded;
}

/** Until the record is complete. The stack is still up, unless this rejects. */
async function record(run: BegunRun): Promise<RecordedRun & { readonly stack: Stack | undefined }> {
  const { session } = run;
  const { timings } = session;
  let stack: Stack | undefined;
  try {
    stack = await run.stack;
    await session.writeManifest(stack);
    const ended = await playAndRecord(session, stack);
    await session.record.updateManifest({ ended, ended_ms: session.clock.now() });
    await timings.time('close the record', () => session.record.close());
    return { folder: session.record.path, stack };
  } catch (error) {
    return { ...(await session.failed(error, stack)), stack };
  }
}
