import { existsSync } from 'node:fs';
import path from 'node:path';
import { judge } from '../judge/judge.ts';
import { shippedRules } from '../judge/rules.ts';
import { UsageError } from '../model/errors.ts';
import { JUDGEMENT } from '../model/verdict.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { isSoakFolder, readSoak } from '../run-folder/soak-index.ts';
import { storedRuns } from '../run-folder/stored-runs.ts';
import { storedVerdict } from '../run-folder/stored-verdict.ts';
import type { KnownBatch } from './merge.ts';
import { type Observation, observe } from './observation.ts';

/** What is read of a verdict. */
const READ = JUDGEMENT.pick({
  rules: true,
  build: true,
  scenario: true,
  load_seconds: true,
  assumptions: true,
  findings: true,
  invariants: true,
});

/** The runs and soaks that these words name, with what they show. UsageError: of all that name none, or no verdict. */
export async function readBatches(words: readonly string[]): Promise<KnownBatch[]> {
  const problems: string[] = [];
  const batches: KnownBatch[] = [];
  for (const word of words) {
    try {
      batches.push(...(await batchesOf(word)));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return batches;
}

async function batchesOf(word: string): Promise<KnownBatch[]> {
  if (isSoakFolder(word)) return [await soakBatch(word)];
  const runs = storedRuns(word);
  if (runs === undefined) {
    const why = existsSync(word) ? 'neither manifest.json nor soak.json is in it' : 'no such folder';
    throw new UsageError(`${word} is no stored run, no folder of runs and no soak (${why}).`);
  }
  const observed: KnownBatch[] = [];
  for (const run of runs) {
    const one = await observeRun(run);
    observed.push({ id: one.id, runs: [one] });
  }
  return observed;
}

/** One night, also where it goes past midnight. */
async function soakBatch(folder: string): Promise<KnownBatch> {
  const soak = readSoak(folder);
  const night = soak.started_at.slice(0, 10);
  const runs: Observation[] = [];
  for (const window of soak.windows) {
    if (window.judged === null || !existsSync(path.join(folder, window.folder))) continue;
    runs.push({ ...(await observeRun(path.join(folder, window.folder))), night });
  }
  return { id: `soak-${soak.started_at.replace(/[-:]|\..*$/g, '')}-${soak.id}`, runs };
}

/**
 * Of a run without a verdict, or with one by other rules than today's, the record is judged; nothing is written. The
 * verdict is all that there is of a window that was reduced, and of invariants that a user brought.
 */
export async function observeRun(folder: string): Promise<Observation> {
  const manifest = await readManifest(folder);
  const stored = await storedVerdict(folder, READ);
  const isAll = !hasRecord(folder) || (manifest.own_invariants ?? []).length > 0;
  const isTaken = stored !== undefined && (isAll || stored.rules === (await shippedRules()));
  return observe(isTaken ? stored : await judge(folder), manifest);
}

function hasRecord(folder: string): boolean {
  return ['commits.parquet', 'raw'].some((part) => existsSync(path.join(folder, part)));
}
