import type { Stack } from '../model/stack.ts';
import { judgeRunFolder } from './judge-folder.ts';
import { playAndRecord } from './record.ts';
import type { JudgedRun, RecordedRun, RunSpec } from './run-spec.ts';
import { RunSession } from './session.ts';
import { openStack, windowOf } from './stack.ts';

/** A run from its plan to its reports. The live line has ended when this returns. */
export async function runScenario(spec: RunSpec): Promise<JudgedRun> {
  const { progress, signal } = spec;
  try {
    const { folder, failure } = await recordRun(spec);
    progress.phase('judging');
    const judgement = await judgeRunFolder(folder, spec.own);
    return { folder, judgement, failure: signal.aborted ? signal.reason : failure };
  } finally {
    progress.stop();
  }
}

/**
 * From a plan to a closed run folder; the stack is taken down again in every case. A failure before the load rejects,
 * because there is nothing to judge; one during it is in the result.
 */
export async function recordRun(spec: RunSpec): Promise<RecordedRun> {
  const session = new RunSession(spec);
  let stack: Stack | undefined;
  try {
    stack = spec.shared ? windowOf(spec.shared.stack, session.id) : await openStack(session);
    await session.writeManifest(stack);
    const ended = await playAndRecord(session, stack);
    await session.record.updateManifest({ ended, ended_ms: session.clock.now() });
    return { folder: session.record.path };
  } catch (error) {
    return await session.failed(error);
  } finally {
    await session.tearDown(stack);
  }
}
