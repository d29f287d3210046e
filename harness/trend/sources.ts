import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { messageOf, UsageError } from '../model/errors.ts';
import { isValidRun, JUDGEMENT } from '../model/verdict.ts';
import { isFolder } from '../run-folder/files.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { isSoakFolder, readSoak } from '../run-folder/soak-index.ts';
import { isRunFolder } from '../run-folder/stored-runs.ts';
import { storedVerdict } from '../run-folder/stored-verdict.ts';
import type { NightRuns, RunOfNight } from './trend.ts';

/** What is read of a verdict. */
const READ = JUDGEMENT.pick({
  build: true,
  scenario: true,
  verdict: true,
  load_seconds: true,
  assumptions: true,
  findings: true,
  latency: true,
  measures: true,
  harness: true,
  counts: true,
});

/** As deep as nights lie below the folder that is named: `nights/2026-11-30/soak-3.3.2/`. */
const DEPTH = 5;

interface Sources {
  readonly nights: readonly NightRuns[];
  readonly leftOut: readonly string[];
}

/** All soaks and runs in these folders, at any depth up to five. UsageError: of all that hold none. */
export async function readNights(folders: readonly string[]): Promise<Sources> {
  const problems: string[] = [];
  const leftOut: string[] = [];
  const nights: NightRuns[] = [];
  const days = new Map<string, RunOfNight[]>();
  for (const folder of folders) {
    const found = [...foldersIn(folder, DEPTH)];
    if (found.length === 0) problems.push(nothingIn(folder));
    for (const one of found) {
      try {
        if (isSoakFolder(one)) {
          nights.push(...nightsOf(await soakRuns(one), one));
          continue;
        }
        const run = await judgedRunIn(one);
        if (run === undefined) leftOut.push(`${one} has no verdict: \`windtunnel check ${one}\` writes it.`);
        else addToDay(days, run);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        leftOut.push(messageOf(error));
      }
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  for (const runs of days.values()) nights.push(...nightsOf(runs, runs[0]?.folder ?? ''));
  return { nights: nights.sort((a, b) => a.at.localeCompare(b.at)), leftOut };
}

function nothingIn(folder: string): string {
  const why = existsSync(folder) ? 'neither manifest.json nor soak.json is in it or below' : 'no such folder';
  return `${folder} holds no stored run and no soak (${why}).`;
}

/** Runs and soaks, in the order of their names; what lies in one of them is part of it. */
function* foldersIn(folder: string, depth: number): Generator<string> {
  if (!isFolder(folder)) return;
  if (isSoakFolder(folder) || isRunFolder(folder)) {
    yield folder;
    return;
  }
  if (depth === 0) return;
  const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of inside.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })))
    yield* foldersIn(path.join(folder, name), depth - 1);
}

/** Single runs of one build and scenario on one day are a night. */
function addToDay(days: Map<string, RunOfNight[]>, run: RunOfNight): void {
  const key = [run.manifest.started_at.slice(0, 10), run.judged.scenario, run.judged.build].join(' ');
  days.set(key, [...(days.get(key) ?? []), run]);
}

/** One night, also where it goes past midnight. Of a window that was removed from the disk there is the verdict. */
async function soakRuns(folder: string): Promise<RunOfNight[]> {
  const runs: RunOfNight[] = [];
  for (const window of readSoak(folder).windows) {
    const inside = path.join(folder, window.folder);
    const run = window.judged !== null && existsSync(inside) ? await judgedRunIn(inside) : undefined;
    if (run) runs.push(run);
  }
  return runs;
}

function nightsOf(runs: readonly RunOfNight[], folder: string): NightRuns[] {
  const [first] = runs;
  if (first === undefined) return [];
  const { manifest, judged } = first;
  return [{ at: manifest.started_at, folder, scenario: judged.scenario, manifest, runs }];
}

async function judgedRunIn(folder: string): Promise<RunOfNight | undefined> {
  const manifest = await readManifest(folder);
  const judged = await storedVerdict(folder, READ);
  return judged && { folder, manifest, judged, isValid: manifest.ended !== null && isValidRun(judged) };
}
