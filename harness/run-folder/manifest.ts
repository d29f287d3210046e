import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import type { Manifest } from '../model/manifest.ts';
import { RUN_FORMAT } from '../model/tables.ts';
import { isFolder } from './files.ts';

/** Reads a run's manifest, or says in one sentence why the folder cannot be judged. */
export async function readManifest(runFolder: string): Promise<Manifest> {
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
  const missing = missingPart(parsed);
  if (missing) {
    throw new UsageError(`${file} lacks "${missing}", which every run has: it was damaged or edited; repeat the run.`);
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

/** Judging reads these without asking again. The rest is only shown. */
function missingPart(manifest: Record<string, unknown>): string | undefined {
  if (typeof manifest.build !== 'string') return 'build';
  if (!isRecord(manifest.plan) || typeof manifest.plan.seed !== 'number') return 'plan.seed';
  const scenario = manifest.plan.scenario;
  if (!isRecord(scenario) || typeof scenario.name !== 'string') return 'plan.scenario.name';
  for (const list of ['aims', 'dags', 'operators']) if (!Array.isArray(scenario[list])) return `plan.scenario.${list}`;
  if (!isRecord(scenario.fleet) || !isRecord(scenario.fleet.habits)) return 'plan.scenario.fleet.habits';
  return undefined;
}
