import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { compareBuilds, comparePair } from '../harness/compare/compare.ts';
import type { Comparison } from '../harness/model/comparison.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { emptyJudgement, hostileJudgement, hugeJudgement, invariant, judgement } from '../harness/testing/fixture.ts';
import { reportLink } from './comparison.ts';
import { comparisonHtml } from './html/comparison.ts';
import { comparisonMarkdown } from './markdown/comparison.ts';
import { comparisonText } from './terminal/comparison.ts';
import { SCREEN } from './terminal/screen.ts';

/** The main job: 3.2.2 removes the deadlocks and leaves the RTIF race. */
function fixed(): Comparison {
  const rtif = invariant('rtif-last-writer-wins', 'fail', { violations: 81 });
  const [before, after] = [invariant('no-deadlocks', 'fail'), invariant('no-deadlocks', 'pass')];
  const runs = (over: Partial<Judgement>, side: string) =>
    [1, 2, 3].map((n) => judgement({ ...over, run: `cmp/${side}-${n}`, seed: 41 + n }));
  return comparePair(
    runs({ invariants: [rtif, before] }, 'a'),
    runs({ build: 'airflow@3.2.2', invariants: [rtif, after], counts: { deadlocks: 0, http_5xx: 6 } }, 'b'),
    { detect: 0 },
  );
}

/** Four releases; the last is worse. */
function matrix(): Comparison {
  const side = (build: string, deadlocks: number) =>
    [1, 2, 3].map((n) =>
      judgement({
        build,
        seed: n,
        invariants: [invariant('no-deadlocks', deadlocks > 0 ? 'fail' : 'pass', { violations: deadlocks })],
        counts: { deadlocks },
      }),
    );
  return compareBuilds(
    [side('airflow@3.1.8', 20), side('airflow@3.2.1', 21), side('airflow@3.2.2', 0), side('airflow@3.3.2', 300)],
    { detect: 0 },
  );
}

const hostile = () => comparePair([hostileJudgement()], [{ ...hostileJudgement(), build: '<b>' }]);
const huge = () => comparePair([hugeJudgement()], [judgement()]);
const empty = () => comparePair([emptyJudgement()], [emptyJudgement()]);

describe('a comparison on the terminal', () => {
  test('fits one screen, whatever the runs', () => {
    for (const one of [fixed(), matrix(), hostile(), huge(), empty(), comparePair([], [])]) {
      const lines = comparisonText(one, { color: false }).split('\n');
      expect(lines.length).toBeLessThanOrEqual(SCREEN.lines);
      expect(lines.filter((line) => stringWidth(line) > SCREEN.columns)).toEqual([]);
    }
  });

  test('shows what differs first, side by side, and ends with the decision', () => {
    const text = comparisonText(fixed(), { color: false, folder: 'cmp' });
    const lines = text.split('\n');
    expect(lines[2]).toMatch(/^no-deadlocks +✗ fail × 24 +✓ pass$/);
    expect(text).toMatch(/\ndeadlocks +8\/min +0 +fewer, p = 0\.0\d+\n/);
    expect(text).toContain('report: cmp/compare.html');
    expect(text).toMatch(
      /\nBETTER\nairflow@3\.2\.2 removes the deadlocks \(8\/min → 0, at most [\d.]+\/min at 95 %\);\s+no\s+regression/,
    );
  });

  test('uses colour only on request', () => {
    const bare = comparisonText(fixed(), { color: false });
    const painted = comparisonText(fixed(), { color: true });
    expect(bare).not.toContain('\u001b');
    expect(painted).not.toBe(bare);
    expect(stripVTControlCharacters(painted)).toBe(bare);
  });
});

test('every format says where a comparison stopped and why, and that p allows for its looks', () => {
  const side = (build: string, count: number) =>
    [1, 2].map((seed) => judgement({ build, seed, counts: { deadlocks: count } }));
  const stopped = comparePair(side('airflow@3.2.1', 22), side('airflow@3.2.2', 0), {
    detect: 0,
    look: { after: 2, planned: [2, 3] },
  });
  const said = /Stopped after 2 of up to 3 runs of each build: the answer is clear \(--runs 3\s+makes them all\)\. /;
  expect(comparisonText(stopped, { color: false })).toMatch(said);
  expect(comparisonHtml(stopped, 'cmp')).toMatch(said);
  expect(comparisonMarkdown(stopped, 'cmp')).toMatch(said);
  for (const page of [comparisonHtml(stopped, 'cmp'), comparisonMarkdown(stopped, 'cmp')]) {
    expect(page).toMatch(/p is corrected for \d deciding tests? and 2 looks/);
  }
  expect(comparisonText(fixed(), { color: false })).not.toContain('look');
});

describe('compare.html', () => {
  test('has the decision on top, both verdicts of each invariant, and each count with its interval and p', () => {
    const page = comparisonHtml(fixed(), 'cmp');
    expect(page.indexOf('>better</span>airflow@3.2.2')).toBeGreaterThan(0);
    expect(page.indexOf('removes the deadlocks (8/min → 0, at most')).toBeLessThan(page.indexOf('<main>'));
    expect(page).toMatch(/no-deadlocks.*fail<\/span> <span class="soft">× 24.*pass<\/span>/);
    expect(page).toMatch(
      /deadlocks<\/th>[\s\S]*× 0<\/td><td role="cell" class="number soft" data-of="95 %">0 to 0\.\d+</,
    );
    expect(page).toMatch(/Findings[\s\S]*In A and B/);
  });

  test('draws every run of every build on one axis a count, and has a matrix for more than two builds', () => {
    const page = comparisonHtml(matrix(), 'cmp');
    expect(page).toMatch(/<th role="rowheader" scope="rowgroup" rowspan="4">deadlocks<\/th>/);
    const [strip = ''] = /<svg class="strip base"[\s\S]*?<\/svg>/.exec(page) ?? [];
    expect(strip.match(/<circle/g)).toHaveLength(3);
    expect(page).toContain('>Builds</h2>');
    expect(page.match(/class="badge fail">worse/g)?.length).toBeGreaterThan(1);
    expect(comparisonHtml(fixed(), 'cmp')).not.toContain('>Builds</h2>');
  });

  test('lets no text from a run become markup', () => {
    const page = comparisonHtml(hostile(), 'cmp');
    expect(page).not.toMatch(/<(img|script|b)>|<img|<script/);
    for (const unseen of ['\u001b', '\u0000', '\u202e']) expect(page).not.toContain(unseen);
  });

  test('says that nothing was tested rather than show an empty table', () => {
    expect(comparisonHtml(empty(), 'cmp')).toContain('No count was tested');
    expect(comparisonHtml(empty(), 'cmp')).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('compare.md', () => {
  test('marks significant differences and links to the runs', () => {
    const text = comparisonMarkdown(fixed(), 'cmp');
    expect(text).toContain('# better: airflow@3.2.2 against airflow@3.2.1');
    expect(text).toMatch(/\| deadlocks \| 8\/min \| 0 \(≤ [\d.]+\/min\), × 0 \(0 to 0\.\d+\); fewer, p = 0\.0\d+ \|/);
    expect(text).toContain('* [A airflow@3.2.1, seed 42](<./a-1/report.html>): fail');
  });

  test('gives every table row as many cells as its head, hostile or huge', () => {
    for (const one of [hostile(), huge(), matrix()]) {
      const text = comparisonMarkdown(one, 'cmp');
      for (const block of text.match(/(^\|.*\n?)+/gm) ?? []) {
        const rows = block.trimEnd().split('\n');
        expect(new Set(rows.map((row) => row.split(/(?<!\\)\|/).length)).size).toBe(1);
      }
      expect(text).not.toMatch(/<(img|script|b)\b/);
    }
  });
});

describe('the link to a run’s report', () => {
  test('is relative and encoded, so that the folder can be moved and have any name', () => {
    expect(reportLink('runs/x-compare', 'runs/x-compare/a-1')).toBe('./a-1/report.html');
    expect(reportLink('runs/x-compare', path.resolve('runs/other'))).toBe('../other/report.html');
    expect(reportLink('c', 'c/50% "off" #1?')).toBe('./50%25%20%22off%22%20%231%3F/report.html');
    expect(reportLink('c', 'c/javascript:alert(1)')).toBe('./javascript%3Aalert(1)/report.html');
  });
});
