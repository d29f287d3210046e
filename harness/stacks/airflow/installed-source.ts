import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { readBuilt } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';

/**
 * The folder `airflow` of what a run was of, by the hash of its packages (`identity.packages` of a manifest), if it is
 * still installed here; nothing is installed for it. That of a checkout lies where its user has it, and may have
 * changed since.
 */
export async function installedSource(packagesHash: string | undefined): Promise<string | undefined> {
  const all = path.join(cacheFolder(), 'airflow');
  if (packagesHash === undefined || !existsSync(all)) return undefined;
  for (const name of readdirSync(all)) {
    const built = await readBuilt(path.join(all, name));
    if (built?.facts.packages_hash !== packagesHash) continue;
    const lib = path.join(built.place, 'lib');
    for (const python of existsSync(lib) ? readdirSync(lib) : []) {
      const source = path.join(lib, python, 'site-packages', 'airflow');
      if (existsSync(source)) return source;
    }
  }
  return undefined;
}
