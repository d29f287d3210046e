import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { CALIBRATION_FORMAT, type Calibration } from '../model/calibration.ts';
import { messageOf, UsageError } from '../model/errors.ts';

/** What comparing and the trend rest on; the rest of a document of this format is as its writer made it. */
const KEPT = z.looseObject({
  format: z.literal(CALIBRATION_FORMAT, { error: `is not of format ${CALIBRATION_FORMAT}` }),
  started_at: z.iso.datetime(),
  complete: z.boolean(),
  settings: z.looseObject({ runs: z.number(), duration_s: z.number() }),
  defects: z.array(
    z.looseObject({
      name: z.string(),
      runs: z.number(),
      found: z.number(),
      interval: z.tuple([z.number(), z.number()]).nullable(),
      caught_by: z.array(z.string()),
      caught_by_runs: z.record(z.string(), z.number()),
      named: z.array(z.string()),
    }),
  ),
  clean: z.looseObject({ runs: z.number(), false_alarms: z.number() }),
});

/** A result that an earlier calibration kept. UsageError: it is none. */
export async function readCalibration(file: string): Promise<Calibration> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} is not a kept calibration: ${messageOf(error)}`, { cause: error });
  }
  const { error } = KEPT.safeParse(document);
  if (error) {
    const [issue] = error.issues;
    throw new UsageError(`${file} is not a kept calibration: ${issue?.path.join('.')} ${issue?.message}`);
  }
  return document as Calibration;
}

/** All results in a folder; what is none of them is told and left out, because a trend is worth more than its worst file. */
export async function readKept(folder: string, onOther: (why: string) => void): Promise<Calibration[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const kept: Calibration[] = [];
  for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
    try {
      kept.push(await readCalibration(path.join(folder, name)));
    } catch (error) {
      onOther(messageOf(error));
    }
  }
  return kept;
}
