import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { UsageError } from '../model/errors.ts';
import { isFolder } from './files.ts';

/**
 * UsageError: something in one of these folders of `whole` is neither a file nor a folder. A folder of unknown origin
 * may have links, by which we would read or write files elsewhere, or pipes, which are never read to their end. A
 * folder that is not there has none.
 */
export function refuseLinks(whole: string, folders: readonly string[], what: string): void {
  if (!isFolder(whole)) return;
  const found = folders.flatMap((folder) => {
    const place = path.join(whole, folder);
    if (folder !== '' && lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) return [folder];
    if (!isFolder(place)) return [];
    return readdirSync(place, { withFileTypes: true })
      .filter((entry) => !entry.isFile() && !entry.isDirectory())
      .map(({ name }) => path.join(folder, name));
  });
  if (found.length === 0) return;
  throw new UsageError(
    `${[...new Set(found)]
      .sort()
      .map((name) => path.join(whole, name))
      .join(', ')}: a link or a special file, which ` + `no ${what} has: remove it, or copy the file itself.`,
  );
}
