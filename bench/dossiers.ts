/**
 * How many of the deadlocks that PostgreSQL counted have a dossier that names both sides.
 *
 *     npm run bench:dossiers -- [--runs 3] [--build airflow@3.2.1] [--scenario seeds] [--duration 60s] [--seed 1] [RUN …]
 *
 * Plays the scenario so many times, or takes the stored runs that are named, and prints for each: deadlocks counted by
 * PostgreSQL, named by its log, explained; and of those between a worker's report and a scheduler, how many name the
 * report with its task instance and the scheduler's action. Exit code 1 if one that was counted is not explained.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { judge } from '../harness/judge/judge.ts';
import type { Deadlock, Judgement } from '../harness/model/verdict.ts';
import { deadlockKinds, titleOf } from '../reports/deadlocks.ts';

const BIN = fileURLToPath(new URL('../bin/windtunnel.mjs', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    build: { type: 'string', default: 'airflow@3.2.1' },
    scenario: { type: 'string', default: 'seeds' },
    duration: { type: 'string', default: '60s' },
    seed: { type: 'string', default: '1' },
  },
});

const folders = positionals.length > 0 ? positionals : play();
const sum = { counted: 0, explained: 0, reports: 0, reportsNamed: 0 };
for (const folder of folders) {
  const judgement = await judge(folder);
  const found = sharesOf(judgement);
  for (const [name, value] of Object.entries(found)) sum[name as keyof typeof sum] += value;
  console.log(`${folder}: ${words(found)}`);
  for (const kind of deadlockKinds(judgement.deadlocks)) {
    console.log(`  ${kind.count} × ${titleOf(kind)}${kind.dark > 0 ? ' (not all explained)' : ''}`);
  }
}
console.log(`together: ${words(sum)}`);
process.exitCode = sum.explained < sum.counted ? 1 : 0;

function play(): string[] {
  const scratch = mkdtempSync(path.join(tmpdir(), 'wt-dossiers-'));
  return Array.from({ length: Number(values.runs) }, (_, i) => {
    const folder = path.join(scratch, String(i + 1));
    const { scenario, build, duration } = values;
    const seed = String(Number(values.seed) + i);
    const flags = ['--build', build, '--duration', duration, '--seed', seed, '--out', folder];
    spawnSync(process.execPath, [BIN, 'run', scenario, ...flags], { stdio: 'ignore' });
    // Whatever the verdict is; a run that could not be made has no manifest, and says so here.
    readFileSync(path.join(folder, 'manifest.json'));
    return folder;
  });
}

function sharesOf({ counts, deadlocks }: Judgement): typeof sum {
  const between = deadlocks.filter(({ sides }) => has(sides, 'wt-api-execution') && has(sides, 'wt-scheduler'));
  return {
    counted: counts.deadlocks ?? 0,
    explained: counts.deadlocks_explained ?? 0,
    reports: between.length,
    reportsNamed: between.filter(namesBoth).length,
  };
}

function has(sides: Deadlock['sides'], role: string): boolean {
  return sides.some(({ process }) => process.startsWith(role));
}

/** The report with its task instance (`dag/run/task`), and what the scheduler did. */
function namesBoth({ sides }: Deadlock): boolean {
  const isReport = ({ operation, subject }: Deadlock['sides'][number]) =>
    operation !== null && subject?.split('/').length === 3;
  const isDeed = ({ process, action, subject }: Deadlock['sides'][number]) =>
    process.startsWith('wt-scheduler') && action !== null && subject !== null;
  return sides.some(isReport) && sides.some(isDeed);
}

function words({ counted, explained, reports, reportsNamed }: typeof sum): string {
  return (
    `${counted} deadlocks counted by PostgreSQL, ${explained} explained; ` +
    `${reports} between a report and a scheduler, ${reportsNamed} name both`
  );
}
