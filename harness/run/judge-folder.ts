import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { writeReports } from '../../reports/write.ts';
import { say } from '../console/print.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { judge } from '../judge/judge.ts';
import { messageOf } from '../model/errors.ts';
import type { KnownResult } from '../model/known.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Judgement } from '../model/verdict.ts';
import { closeTables } from '../run-folder/close.ts';
import { readManifest } from '../run-folder/manifest.ts';

/** Compares a judgement with known findings, before its reports are written. */
export type AgainstKnown = (judgement: Judgement, manifest: Manifest) => KnownResult;

/**
 * From a record to its verdict and its reports. A run without an end was killed or is still under way: its tables stay
 * open, because closing them would take the lines from the process that writes them.
 */
export async function judgeRunFolder(
  folder: string,
  own: readonly InvariantFile[] = [],
  against?: AgainstKnown,
): Promise<Judgement> {
  const manifest = await readManifest(folder);
  if (manifest.ended !== null) {
    await closeTables(folder).catch((error) => continueIfFull(error, folder, 'its tables stay lines of JSON'));
  }
  const judged = await judge(folder, { own });
  const judgement = against === undefined ? judged : { ...judged, known: against(judged, manifest) };
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
  say(`${folder}: ${consequence}, because ${message}`);
}
