import { say } from '../console/print.ts';
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
  const before = new Set<string>();
  for (const run of runs) for (const name of (await readManifest(run)).own_invariants ?? []) before.add(name);
  const missing = [...before].filter((name) => !known.has(name));
  if (missing.length > 0) {
    say(`Not judged, because no --invariants folder has them: ${missing.join(', ')}.`);
  }
  return own;
}
