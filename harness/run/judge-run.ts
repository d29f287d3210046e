import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { verdictText } from '../../reports/terminal/report.ts';
import { writeReports } from '../../reports/write.ts';
import { judge } from '../judge/judge.ts';
import { messageOf } from '../model/errors.ts';
import type { Judgement } from '../model/verdict.ts';
import { closeTables } from '../run-folder/close.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { performRun, type RunRequest } from './perform-run.ts';

/**
 * From a record to its verdict and everything that people and machines read of it. A run without an end was killed or is
 * under way still, and to close its tables would take the lines away from whoever writes them.
 */
export async function judgeRun(folder: string): Promise<Judgement> {
  const manifest = await readManifest(folder);
  if (manifest.ended !== null) await unlessFull(folder, 'its tables stay lines of JSON', () => closeTables(folder));
  const judgement = await judge(folder);
  await unlessFull(folder, 'its reports are not written', () => writeReports(folder, judgement, manifest));
  return judgement;
}

/** What only makes a record smaller or nicer must not stand between a full disk and the verdict. */
async function unlessFull(folder: string, consequence: string, deed: () => Promise<void>): Promise<void> {
  try {
    await deed();
  } catch (error) {
    const message = messageOf(error);
    if (!/ENOSPC|EDQUOT|EROFS|EACCES|No space left|Permission denied/.test(message)) throw error;
    for (const name of readdirSync(folder))
      if (name.endsWith('.next')) rmSync(path.join(folder, name), { force: true });
    console.error(`${folder}: ${consequence}, because ${message}`);
  }
}

export interface JudgedRun {
  readonly folder: string;
  readonly judgement: Judgement;
  /** Why the load did not last as long as planned, or undefined. */
  readonly failure?: unknown;
}

/** The whole of `windtunnel run`, for `run` and `compare` alike. The live line is gone when this returns. */
export async function runAndJudge(request: RunRequest): Promise<JudgedRun> {
  const { progress, signal } = request;
  try {
    const { folder, failure } = await performRun(request);
    progress.phase('judging');
    const judgement = await judgeRun(folder);
    return { folder, judgement, failure: signal.aborted ? signal.reason : failure };
  } finally {
    progress.stop();
  }
}

/** `--json` prints one document on stdout and nothing else there; people get the summary. */
export function printJudgement(judgement: Judgement, json: boolean | undefined): void {
  if (json) process.stdout.write(`${JSON.stringify(judgement, null, 2)}\n`);
  else process.stdout.write(`${verdictText(judgement, { color: wantsColor() })}\n`);
}

export function wantsColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
