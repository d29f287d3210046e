import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { z } from 'zod';

import { CALIBRATION_FORMAT, type Calibration } from '../model/calibration.ts';
import { messageOf, reasonOf, UsageError } from '../model/errors.ts';
import { shapeProblems } from '../model/shape-problems.ts';

/** The fields that a comparison and the trend read; the others are not checked. */
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

/** The result of an earlier calibration. Throws a UsageError if the file is not one. */
export async function readCalibration(file: string): Promise<Calibration> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} is not a kept calibration: ${reasonOf(error)}.`, { cause: error });
  }
  const problems = shapeProblems(KEPT, document, 'the file');
  if (problems.length > 0)
    throw new UsageError(`${file} is not a kept calibration: ${problems.slice(0, 3).join('; ')}.`);
  return document as Calibration;
}

/** All results in a folder, the oldest first. A file that is not a result is left out and reported to `onOther`. */
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
