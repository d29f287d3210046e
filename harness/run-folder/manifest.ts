import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { MANIFEST, type Manifest } from '../model/manifest.ts';
import { kindProblems } from '../model/shape-problems.ts';
import { RUN_FORMAT } from '../model/tables.ts';
import { isFolder } from './files.ts';
import { refuseLinks } from './links.ts';

/** Of the problems of one manifest. */
const SAID = 5;

/**
 * Reads a run's manifest, or says why the folder cannot be judged. Every command begins with it: whatever else is read
 * of the folder, or written into it, is no link to a file elsewhere.
 */
export async function readManifest(runFolder: string): Promise<Manifest> {
  refuseLinks(runFolder, ['', 'raw'], 'run folder');
  const file = path.join(runFolder, 'manifest.json');
  const parsed = parse(file, await read(runFolder, file));
  if (!isRecord(parsed) || typeof parsed.format !== 'number') {
    throw new UsageError(`${file} is not a windtunnel manifest (it states no format): name a folder made by \`run\`.`);
  }
  const { format } = parsed;
  if (format !== RUN_FORMAT) {
    const writer = String(parsed.windtunnel ?? 'not stated');
    throw new UsageError(
      `${file} is of format ${format}, and this windtunnel reads format ${RUN_FORMAT}: ` +
        `use the version that wrote it (${writer}), or repeat the run.`,
    );
  }
  const problems = kindProblems(MANIFEST, parsed, 'it');
  if (problems.length > 0) {
    const more = problems.length > SAID ? `; and ${problems.length - SAID} more` : '';
    const said = problems.slice(0, SAID).join('; ');
    throw new UsageError(`${file} was damaged or edited (${said}${more}): repeat the run.`);
  }
  return parsed as unknown as Manifest;
}

async function read(runFolder: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = isFolder(runFolder) && !existsSync(file) ? 'it has no manifest.json' : reasonOf(error);
    throw new UsageError(`${runFolder} is not a run folder (${reason}): name a folder made by \`windtunnel run\`.`, {
      cause: error,
    });
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON (${reasonOf(error)}): it was damaged; repeat the run.`, {
      cause: error,
    });
  }
}
