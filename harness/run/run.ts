import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { writeReports } from '../../reports/write.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { judge } from '../judge/judge.ts';
import { messageOf } from '../model/errors.ts';
import type { Stack } from '../model/stack.ts';
import type { Judgement } from '../model/verdict.ts';
import { closeTables } from '../run-folder/close.ts';
import { readManifest } from '../run-folder/manifest.ts';
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

/**
 * From a record to its verdict and its reports. A run without an end was killed or is still under way: its tables stay
 * open, because closing them would take the lines from the process that writes them.
 */
export async function judgeRunFolder(folder: string, own: readonly InvariantFile[] = []): Promise<Judgement> {
  const manifest = await readManifest(folder);
  if (manifest.ended !== null) {
    await closeTables(folder).catch((error) => continueIfFull(error, folder, 'its tables stay lines of JSON'));
  }
  const judgement = await judge(folder, { own });
  await writeReports(folder, judgement, manifest).catch((error) =>
    continueIfFull(error, folder, 'its reports are not written'),
  );
  return judgement;
}

/** A full disk, which has room for neither Parquet nor reports, does not stand between a record and its verdict. */
function continueIfFull(error: unknown, folder: string, consequence: string): void {
  const message = messageOf(error);
  if (!/ENOSPC|EDQUOT|EROFS|EACCES|No space left|Permission denied/.test(message)) throw error;
  for (const name of readdirSync(folder)) if (name.endsWith('.next')) rmSync(path.join(folder, name), { force: true });
  console.error(`${folder}: ${consequence}, because ${message}`);
}
