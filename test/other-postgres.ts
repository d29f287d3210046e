import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const DEBIAN = '/usr/lib/postgresql';

/** Folders of servers that the machine has besides that of npm, as Debian, Ubuntu and CI's machines have them. */
export function otherServers(): string[] {
  if (!existsSync(DEBIAN)) return [];
  return readdirSync(DEBIAN)
    .filter((version) => Number(version) >= 15)
    .map((version) => path.join(DEBIAN, version))
    .filter((folder) => ['postgres', 'initdb'].every((name) => existsSync(path.join(folder, 'bin', name))));
}

/** Said where there is none. */
export const NO_OTHER_SERVER = `SKIPPED: no server of PostgreSQL in ${DEBIAN} (apt-get install postgresql).`;
