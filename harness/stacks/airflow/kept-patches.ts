import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { ROOT } from '../../system/installation.ts';

/** A patch of the folder `patches`, which comes with windtunnel. */
export interface KeptPatch {
  /** The release that it was made for. */
  readonly release: string;
  readonly file: string;
  /** As it is given to `--build`, from the folder where windtunnel was started. */
  readonly build: string;
  /** Its first line. */
  readonly says: string;
}

/** All of them, by release and name. */
export function keptPatches(): KeptPatch[] {
  const folder = path.join(ROOT, 'patches');
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.patch'));
  return files.sort().map((name) => {
    const file = path.join(folder, name);
    const near = path.relative(process.cwd(), file);
    const [says = ''] = readFileSync(file, 'utf8').split('\n');
    const [release = ''] = name.split(path.sep);
    return { release, file, build: `airflow@${release}+${near.startsWith('..') ? file : near}`, says };
  });
}
