import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { isRecord } from '../../model/json.ts';
import { cacheFolder } from '../../system/installation.ts';

/**
 * The folder `airflow` of what a run was of, by the hash of its packages (`identity.packages` of a manifest), if it is
 * still installed here; nothing is installed for it. That of a checkout lies where its user has it, and may have
 * changed since.
 */
export function installedSource(packagesHash: string | undefined): string | undefined {
  const all = path.join(cacheFolder(), 'airflow');
  if (packagesHash === undefined || !existsSync(all)) return undefined;
  for (const name of readdirSync(all)) {
    const facts = completed(path.join(all, name, 'complete.json'));
    if (facts?.hash !== packagesHash) continue;
    const lib = path.join(all, name, facts.place, 'lib');
    for (const python of existsSync(lib) ? readdirSync(lib) : []) {
      const source = path.join(lib, python, 'site-packages', 'airflow');
      if (existsSync(source)) return source;
    }
  }
  return undefined;
}

function completed(file: string): { readonly place: string; readonly hash: unknown } | undefined {
  try {
    const note: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isRecord(note) || typeof note.place !== 'string' || !isRecord(note.facts)) return undefined;
    return { place: note.place, hash: note.facts.packages_hash };
  } catch {
    // Being installed, or half removed.
    return undefined;
  }
}
