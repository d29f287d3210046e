import type { Stack } from '../model/stack.ts';
import { judgeRunFolder } from './judge-folder.ts';
import { playAndRecord } from './record.ts';
import type { JudgedRun, RecordedRun, RunSpec } from './run-spec.ts';
import { RunSession } from './session.ts';
import { openStack, windowOf } from './stack.ts';

/** A run from its plan to its reports. The live line has ended when this returns. */
export async function runScenario(spec: RunSpec): Promise<JudgedRun> {
  const { progress, signal } = spec;
  let takenDown: Promise<void> | undefined;
  try {
    const session = new RunSession(spec);
    const { timings } = session;
    const recorded = await record(session);
    // Judging needs the folder alone: the stack is taken down at the same time.
    takenDown = session.takeDown(recorded.stack);
    const { folder, failure } = recorded;
    progress.phase('judging');
    const judgement = await timings.time('judge and report', () => judgeRunFolder(folder, spec.own));
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
  const session = new RunSession(spec);
  const { stack, ...recorded } = await record(session);
  await session.takeDown(stack);
  await session.timings.write(recorded.folder);
  return recorded;
}

/** Until the record is complete. The stack is still up, unless this rejects. */
async function record(session: RunSession): Promise<RecordedRun & { readonly stack: Stack | undefined }> {
  const { spec, timings } = session;
  let stack: Stack | undefined;
  try {
    stack = spec.shared ? windowOf(spec.shared.stack, session.id) : await openStack(session);
    await session.writeManifest(stack);
    const ended = await playAndRecord(session, stack);
    await session.record.updateManifest({ ended, ended_ms: session.clock.now() });
    await timings.time('close the record', () => session.record.close());
    return { folder: session.record.path, stack };
  } catch (error) {
    return { ...(await session.failed(error, stack)), stack };
  }
}
