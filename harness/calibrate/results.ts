import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Calibration } from '../model/calibration.ts';

/** The results that are kept in a folder, the oldest first. */
export async function readKept(folder: string): Promise<Calibration[]> {
  const names = (await readdir(folder)).filter((one) => one.endsWith('.json')).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
  return texts.map((text) => JSON.parse(text) as Calibration);
}
