/**
 * The truth table: which release breaks which promise, on the real Airflow, again and again with different seeds.
 *
 *     npm run truth-table -- [--runs 5] [--out runs/truth-table]
 *
 * Runs that are there already are judged again and not repeated, so that it can be stopped and gone on with, and so
 * that a changed invariant can be held against the same records. Takes about 90 s a run: half an hour for the default.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { Judgement } from '../harness/model/verdict.ts';

const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2'] as const;
const FIRST_SEED = 1001;
const RUN_TIMEOUT_MS = 400_000;

/** The path that a cell is about: a promise may be broken on another, and then the table says so beside it. */
const ROWS: readonly { invariant: string; path: string | null; expected: readonly ('fail' | 'pass')[] }[] = [
  { invariant: 'running-is-not-overwritten', path: 'skip-downstream', expected: ['fail', 'pass', 'pass', 'pass'] },
  { invariant: 'no-deadlocks', path: 'state PATCH × dag_version UPDATE', expected: ['pass', 'fail', 'pass', 'pass'] },
  { invariant: 'rtif-last-writer-wins', path: null, expected: ['fail', 'fail', 'fail', 'pass'] },
  { invariant: 'backfill-completes-after-its-runs', path: null, expected: ['fail', 'fail', 'pass', 'pass'] },
];

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '5' }, out: { type: 'string', default: 'runs/truth-table' } },
});
const root = path.join(import.meta.dirname, '..');
const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });

const judgements: Record<string, Judgement[]> = {};
for (let round = 0; round < Number(values.runs); round++) {
  // The releases take turns, so that a machine that grows slower weighs on all of them alike.
  for (const release of RELEASES) {
    const judgement = once(release, FIRST_SEED + round);
    judgements[release] = [...(judgements[release] ?? []), judgement];
    console.error(line(release, judgement));
    writeFileSync(path.join(out, 'truth-table.md'), asMarkdown());
  }
}
console.log(asMarkdown());

function once(release: string, seed: number): Judgement {
  const folder = path.join(out, `${release}-${seed}`);
  const windtunnel = path.join(root, 'bin', 'windtunnel.mjs');
  const judged = existsSync(path.join(folder, 'verdict.json'));
  if (!judged) rmSync(folder, { recursive: true, force: true });
  const args = judged
    ? ['check', folder, '--json']
    : ['run', 'seeds', '--build', `airflow@${release}`, '--seed', String(seed), '--out', folder, '--json'];
  const { stdout, status } = spawnSync(process.execPath, [windtunnel, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 256 << 20,
    timeout: RUN_TIMEOUT_MS,
  });
  if (status !== 0 && status !== 1 && status !== 3)
    throw new Error(`windtunnel ${args.join(' ')} ended with ${status}`);
  return JSON.parse(stdout) as Judgement;
}

function line(release: string, judgement: Judgement): string {
  const broken = judgement.invariants
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ name, violations }) => `${name} ${violations}`);
  const doubts = judgement.assumptions
    .filter(({ verdict }) => verdict !== 'pass')
    .map(({ name }) => `(${name} does not hold)`);
  return `${release} seed ${judgement.seed}: ${judgement.verdict} ${[...broken, ...doubts].join(', ')}`;
}

function asMarkdown(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const head = `| | ${RELEASES.join(' | ')} |\n| --- |${' --- |'.repeat(RELEASES.length)}`;
  const seeds = ROWS.map(
    (row) => `| ${row.invariant} | ${RELEASES.map((release, i) => cell(row, release, row.expected[i])).join(' | ')} |`,
  );
  const names = [
    ...new Set(
      Object.values(judgements).flatMap((all) => all.flatMap(({ invariants }) => invariants.map(({ name }) => name))),
    ),
  ];
  const others = names
    .filter((name) => !ROWS.some(({ invariant }) => invariant === name))
    .map(
      (name) =>
        `| ${name} | ${RELEASES.map((release) => cell({ invariant: name, path: null }, release)).join(' | ')} |`,
    );
  const first = `| first violation, s after the load began | ${RELEASES.map(firstViolation).join(' | ')} |`;
  const cpu = `| harness, share of the machine's CPU | ${RELEASES.map((release) => range(release, (j) => (j.harness_cpu_share ?? 0) * 100, '%')).join(' | ')} |`;
  return `Scenario \`seeds\`, ${values.runs} runs a release, seeds from ${FIRST_SEED}, at ${commit}.\n\n${[head, ...seeds, ...others, first, cpu].join('\n')}\n`;
}

/** Verdicts of all runs, with how often the promise was broken or had its chance. */
function cell(row: { invariant: string; path: string | null }, release: string, expected?: 'fail' | 'pass'): string {
  const results = (judgements[release] ?? []).flatMap(({ invariants }) =>
    invariants.filter(({ name }) => name === row.invariant),
  );
  const found = results.map((result) => {
    const hits = row.path === null ? result.violations : (result.paths?.[row.path] ?? 0);
    if (hits > 0) return { verdict: 'fail', number: hits };
    return { verdict: result.chances >= result.chances_wanted ? 'pass' : 'unknown', number: result.chances };
  });
  const counts = (['fail', 'pass', 'unknown'] as const).flatMap((verdict) => {
    const numbers = found.filter((f) => f.verdict === verdict).map(({ number }) => number);
    if (numbers.length === 0) return [];
    const what = verdict === 'fail' ? 'violations' : 'chances';
    return [
      `${verdict} ${numbers.length} of ${found.length} (${what} ${Math.min(...numbers)}–${Math.max(...numbers)})`,
    ];
  });
  const off = expected !== undefined && found.some(({ verdict }) => verdict !== expected);
  return `${counts.join(', ')}${off ? ` **expected ${expected}**` : ''}`;
}

function firstViolation(release: string): string {
  return range(release, (judgement) => judgement.first_violation_s, 's');
}

function range(release: string, of: (judgement: Judgement) => number | null, unit: string): string {
  const numbers = (judgements[release] ?? [])
    .map(of)
    .filter((n): n is number => n !== null)
    .sort((a, b) => a - b);
  if (numbers.length === 0) return 'none';
  const at = (share: number) => (numbers[Math.floor((numbers.length - 1) * share)] ?? 0).toFixed(1);
  return `${at(0)} / ${at(0.5)} / ${at(1)} ${unit}`;
}
