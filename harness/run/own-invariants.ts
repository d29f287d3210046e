import type { InvariantFile } from '../judge/invariant-file.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import { readManifest } from '../run-folder/manifest.ts';

export const OWN_INVARIANTS = {
  invariants: { type: 'string', describe: 'A folder with invariants of your own (.sql), judged as well' },
} as const;

/** A user's invariants for stored runs. Says on stderr which of those that a run was judged by are not among them. */
export async function ownInvariantsFor(
  runs: readonly string[],
  folder: string | undefined,
): Promise<readonly InvariantFile[]> {
  const own = await readOwnInvariants(folder);
  const known = new Set(own.map(({ name }) => name));
  const before = await Promise.all(runs.map(async (run) => (await readManifest(run)).own_invariants ?? []));
  const missing = [...new Set(before.flat())].filter((name) => !known.has(name));
  if (missing.length > 0) {
    console.error(`Not judged, because no --invariants folder has them: ${missing.join(', ')}.`);
  }
  return own;
}
