/**
 * The truth table: which release violates which invariant, on the real Airflow, with several seeds.
 *
 *     npm run truth-table -- [--runs 5] [--first-seed 1001] [--out runs/truth-table]
 *
 * Stored runs in --out are judged again instead of repeated: an interrupted table continues, and a changed invariant
 * can be checked against the same records. A run takes about 90 s, the default half an hour. Exit code: 0 if every cell
 * is as expected, 1 if not, 2 for wrong arguments, 4 if a run could not be made.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { flagsOf, seriesOf, seriesOptions } from './flags.ts';
import { judgedRun } from './judged-run.ts';
import { cellOf, RELEASES, ROWS } from './truth-table-cells.ts';

const { values } = flagsOf({
  options: {
    ...seriesOptions(1001),
    out: { type: 'string', default: 'runs/truth-table' },
  },
});
const { runs, firstSeed, problems } = seriesOf(values);
const root = path.join(import.meta.dirname, '..');
const out = path.resolve(values.out);
const judgements: Record<string, Judgement[]> = {};

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 2;
} else {
  try {
    await play();
    process.exitCode = said();
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
}

/** Prints the table; the exit code. */
function said(): number {
  console.log(asMarkdown());
  const wrong = ROWS.flatMap((row) => RELEASES.map((release, i) => cell(row, release, row.expected[i]))).filter(
    ({ asExpected }) => !asExpected,
  );
  const cells = ROWS.length * RELEASES.length;
  console.log(`${cells - wrong.length} of ${cells} cells are as expected.`);
  return wrong.length === 0 ? 0 : 1;
}

async function play(): Promise<void> {
  mkdirSync(out, { recursive: true });
  for (let round = 0; round < runs; round++) {
    // The releases take turns: a machine that becomes slower affects all of them alike.
    for (const release of RELEASES) {
      const seed = firstSeed + round;
      const folder = path.join(out, `${release}-${seed}`);
      const judgement = await judgedRun(folder, { scenario: 'seeds', build: `airflow@${release}`, seed });
      judgements[release] = [...(judgements[release] ?? []), judgement];
      console.error(line(release, judgement));
      writeFileSync(path.join(out, 'truth-table.md'), asMarkdown());
    }
  }
}

function line(release: string, judgement: Judgement): string {
  const violated = judgement.invariants
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ name, violations }) => `${name} ${violations}`);
  const doubts = judgement.assumptions
    .filter(({ verdict }) => verdict !== 'pass')
    .map(({ name }) => `(${name} does not hold)`);
  return `${release} seed ${judgement.seed}: ${judgement.verdict} ${[...violated, ...doubts].join(', ')}`;
}

function asMarkdown(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const head = `| | ${RELEASES.join(' | ')} |\n| --- |${' --- |'.repeat(RELEASES.length)}`;
  const seeds = ROWS.map(
    (row) =>
      `| ${row.invariant} | ${RELEASES.map((release, i) => cell(row, release, row.expected[i]).text).join(' | ')} |`,
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
        `| ${name} | ${RELEASES.map((release) => cell({ invariant: name, variant: null }, release).text).join(' | ')} |`,
    );
  const first = `| first violation, s after the load began | ${RELEASES.map(firstViolation).join(' | ')} |`;
  const shares = RELEASES.map((release) => range(release, (j) => (j.harness_cpu_share ?? 0) * 100, '%'));
  const cpu = `| harness, share of CPU | ${shares.join(' | ')} |`;
  const table = [head, ...seeds, ...others, first, cpu].join('\n');
  return `Scenario \`seeds\`, ${runs} runs a release, seeds from ${firstSeed}, at ${commit}.\n\n${table}\n`;
}

/** The verdicts of all runs, with the numbers of violations, or of how often the invariant was exercised. */
function cell(row: { invariant: string; variant: string | null }, release: string, expected?: 'fail' | 'pass') {
  const results = (judgements[release] ?? []).flatMap(({ invariants }) =>
    invariants.filter(({ name }) => name === row.invariant),
  );
  const found = results.map((result) => cellOf(result, row.variant));
  const counts = (['fail', 'pass', 'unknown'] as const).flatMap((verdict) => {
    const numbers = found.filter((f) => f.verdict === verdict).map(({ number }) => number);
    if (numbers.length === 0) return [];
    const what = verdict === 'fail' ? 'violations' : 'exercised';
    return [
      `${verdict} ${numbers.length} of ${found.length} (${what} ${Math.min(...numbers)}–${Math.max(...numbers)})`,
    ];
  });
  const off = expected !== undefined && found.some(({ verdict }) => verdict !== expected);
  return { text: `${counts.join(', ')}${off ? ` **expected ${expected}**` : ''}`, asExpected: !off };
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
