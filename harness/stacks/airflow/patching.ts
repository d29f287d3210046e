import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { applyPatch, reversePatch } from 'diff';

import { UsageError } from '../../model/errors.ts';
import { runTool } from '../../system/run-tool.ts';
import type { Change, Patch } from './patch-file.ts';
import { tail } from './python.ts';

/** What files are to hold, by their paths below `site-packages`; undefined: to be removed. */
export type Patched = ReadonlyMap<string, string | undefined>;

/**
 * The patches in their order on what is installed; nothing is written. UsageError: what does not fit, by patch, file
 * and hunk, all of it.
 */
export async function fitPatches(patches: readonly Patch[], site: string, to: string): Promise<Patched> {
  const texts = new Map<string, string | undefined>();
  const problems: string[] = [];
  // Of a file that one hunk did not fit, nothing more can be said.
  const broken = new Set<string>();
  for (const patch of patches) {
    for (const change of patch.changes) {
      for (const place of await placesIn(site, change, texts)) {
        if (!texts.has(place)) texts.set(place, await textAt(path.join(site, place)));
        if (broken.has(place)) continue;
        const result =
          change.kind === 'new' && !hasHome(site, place)
            ? { problem: `it makes ${place}, and what that belongs to is not installed` }
            : changed(texts.get(place), change, place);
        if ('problem' in result) {
          broken.add(place);
          problems.push(`${patch.name} does not fit ${to}: ${result.problem}.`);
        } else texts.set(place, result.text);
      }
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return texts;
}

/** Those of its places that are installed, or the only one. */
async function placesIn(site: string, { places }: Change, texts: Patched): Promise<readonly string[]> {
  const [first = ''] = places;
  const there = places.filter(
    (place) => texts.has(place) || existsSync(path.join(site, place)) || (places.length > 1 && hasFolder(site, place)),
  );
  return there.length > 0 ? there : [first];
}

/** Whether a new file would be part of something that is installed: of a provider, for those. */
function hasHome(site: string, place: string): boolean {
  const depth = place.startsWith('airflow/providers/') ? 3 : 1;
  return existsSync(path.join(site, ...place.split('/').slice(0, depth)));
}

function hasFolder(site: string, place: string): boolean {
  return existsSync(path.join(site, path.dirname(place)));
}

async function textAt(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    // Not installed: whether that is wrong is the patch's to say.
    return undefined;
  }
}

function changed(
  text: string | undefined,
  { kind, diff }: Change,
  place: string,
): { text: string | undefined } | { problem: string } {
  if (kind === 'new' && text !== undefined) return { problem: `it makes ${place}, which is there` };
  if (kind !== 'new' && text === undefined) return { problem: `it changes ${place}, which is not installed` };
  const was = text ?? '';
  const now = applyPatch(was, diff);
  if (now === false) {
    const isThere = applyPatch(was, reversePatch(diff)) !== false;
    return { problem: isThere ? `${place} is as the patch makes it already` : `${misfit(was, diff)} of ${place}` };
  }
  if (kind !== 'removed') return { text: now };
  return now === ''
    ? { text: undefined }
    : { problem: `it removes ${place}, which has more in it than the patch says` };
}

/** The first hunk that does not fit, with those before it: `hunk 2 (@@ -2055,7 +2060,7 @@)`. */
function misfit(text: string, diff: Change['diff']): string {
  const { hunks } = diff;
  const fits = (count: number) => applyPatch(text, { ...diff, hunks: hunks.slice(0, count) }) !== false;
  const index = hunks.findIndex((_, i) => !fits(i + 1));
  const { oldStart = 0, oldLines = 0, newStart = 0, newLines = 0 } = hunks[index] ?? {};
  return `hunk ${index + 1} (@@ -${oldStart},${oldLines} +${newStart},${newLines} @@)`;
}

/**
 * Writes what was fitted into an environment that no process uses yet, and compiles it. UsageError: what is no Python
 * any more.
 */
export async function writePatched(
  patched: Patched,
  site: string,
  { python, signal }: { readonly python: string; readonly signal: AbortSignal },
): Promise<void> {
  for (const [place, text] of patched) {
    const file = path.join(site, place);
    if (text === undefined) await rm(file);
    else {
      await mkdir(path.dirname(file), { recursive: true });
      // A file of its own: uv links what it installs to its cache, from which other environments are made.
      await writeFile(`${file}.patched`, text);
      await rename(`${file}.patched`, file);
    }
  }
  const modules = [...patched].flatMap(([place, text]) =>
    text !== undefined && place.endsWith('.py') ? [path.join(site, place)] : [],
  );
  if (modules.length === 0) return;
  const compiled = await runTool(python, ['-m', 'py_compile', ...modules], { timeoutMs: 120_000, signal });
  if (compiled.code !== 0) throw new UsageError(`What was patched is no Python:\n${tail(compiled)}`);
}
