import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * The run folders that a word on the command line names, or undefined if it names none: a run; a folder of which the
 * folders are runs; or, of a comparison, one side of it: `runs/…-compare/a` for `a-1`, `a-2`, …
 */
export function storedRuns(word: string): string[] | undefined {
  if (isRunFolder(word)) return [word];
  const inside = runsIn(word, () => true);
  if (inside.length > 0) return inside;
  const side = path.basename(word);
  const ofSide = runsIn(
    path.dirname(word),
    (name) => name.startsWith(`${side}-`) && /^\d+$/.test(name.slice(side.length + 1)),
  );
  return ofSide.length > 0 ? ofSide : undefined;
}

export function isRunFolder(folder: string): boolean {
  return existsSync(path.join(folder, 'manifest.json'));
}

function runsIn(folder: string, wanted: (name: string) => boolean): string[] {
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder)
      .filter(wanted)
      .sort((x, y) => x.localeCompare(y, 'en', { numeric: true }))
      .map((name) => path.join(folder, name))
      .filter(isRunFolder);
  } catch (error) {
    // A file, such as a scenario's: no run is in it.
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [];
    throw error;
  }
}
