import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import { SOAK, SOAK_FORMAT, type Soak } from '../model/soak.ts';
import { isFolder } from './files.ts';
import { refuseLinks } from './links.ts';

export function isSoakFolder(folder: string): boolean {
  return existsSync(path.join(folder, 'soak.json'));
}

/** The index of a soak. UsageError: the folder has none that can be used. */
export function readSoak(folder: string): Soak {
  const file = path.join(folder, 'soak.json');
  // What is written into it, and removed, is no link to a file elsewhere.
  refuseLinks(folder, ['', 'windows', 'logs'], 'folder of a soak');
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const without = isFolder(folder) && !existsSync(file);
    const why = without ? 'it has no soak.json' : reasonOf(error);
    throw new UsageError(`${folder} is not the folder of a soak (${why}): name one made by \`soak\`.`, {
      cause: error,
    });
  }
  if (!isRecord(parsed) || parsed.format !== SOAK_FORMAT) {
    throw new UsageError(`${file} is not a soak of format ${SOAK_FORMAT}: use the windtunnel that wrote it.`);
  }
  const problems = shapeProblems(SOAK, parsed, 'it');
  if (problems.length > 0)
    throw new UsageError(`${file} was damaged or edited:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  return parsed as unknown as Soak;
}
