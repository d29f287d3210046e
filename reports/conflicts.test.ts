import { expect, test } from 'vitest';
import { comparePair } from '../harness/compare/compare.ts';
import { judgedWindow } from '../harness/soak/verdict.ts';
import { judgement, manifest } from '../harness/testing/fixture.ts';
import { answerClass } from '../harness/testing/fixture-evidence.ts';
import { finding } from '../harness/testing/fixture-finding.ts';
import { literalWindow } from '../harness/testing/literal-window.ts';
import { comparedConflicts, soakConflicts } from './conflicts.ts';
import { comparisonHtml } from './html/comparison.ts';
import { reportHtml } from './html/report.ts';
import { comparisonMarkdown } from './markdown/comparison.ts';
import { reportMarkdown } from './markdown/report.ts';
import { classTable } from './refusals.ts';
import { comparisonText } from './terminal/comparison.ts';
import { verdictText } from './terminal/report.ts';

const HEARTBEAT = { kind: 'heartbeat', found_state: 'skipped', reason: 'not_running', violations: 0 };
const refused = (build: string, count: number) =>
  judgement({ build, conflicts: count === 0 ? [] : [{ ...HEARTBEAT, count, per_minute: count }] });

test('every report of a run counts its 409s a minute by request and state found', () => {
  // A minute of load.
  const one = judgement();
  const row = ['run', 'SKIPPED', 'invalid_state', '9', '9/min', '4'];
  expect(reportMarkdown(one, manifest())).toContain(`| ${row.join(' | ').replace('_', '\\_')} |`);
  expect(reportHtml(one, manifest()).replace(/<[^>]*>/g, ' ')).toMatch(new RegExp(row.join('\\s+')));
  expect(verdictText(one, { color: false })).toContain('409 by state found: run SKIPPED 9/min');
  const none = judgement({ conflicts: [] });
  for (const text of [
    reportMarkdown(none, manifest()),
    reportHtml(none, manifest()),
    verdictText(none, { color: false }),
  ])
    expect(text).not.toContain('state found');
});

test('a refusal that a violation caused names the findings of that invariant', () => {
  const classes = [answerClass({ kind: 'heartbeat', class: 'violation of running-is-not-overwritten' })];
  const { rows } = classTable(judgement({ classes, findings: [finding()] }));
  expect(rows.map((row) => row[3])).toEqual(['violation of running-is-not-overwritten (F1)']);
});

test('a comparison shows them side by side, of a build without them 0', () => {
  const pair = comparePair(
    [refused('airflow@3.1.8', 12), refused('airflow@3.1.8', 0)],
    [refused('airflow@3.2.1', 0), refused('airflow@3.2.1', 0)],
    { detect: 0 },
  );
  expect(comparedConflicts(pair)).toEqual([{ name: 'heartbeat SKIPPED', cells: ['6/min (12 in 1 of 2 runs)', '0'] }]);
  expect(comparisonMarkdown(pair, 'cmp')).toContain('| heartbeat SKIPPED | 6/min (12 in 1 of 2 runs) | 0 |');
  expect(comparisonHtml(pair, 'cmp')).toContain('6/min (12 in 1 of 2 runs)');
  expect(comparisonText(pair, { color: false })).toMatch(/\n409: heartbeat SKIPPED +6\/min +0\n/);
});

test('a soak counts them over all, by day and by window', () => {
  const window = (number: number, day: string, count: number) =>
    literalWindow(number, {
      started_at: `2026-01-0${day}T23:00:00.000Z`,
      judged: judgedWindow(refused('airflow@3.1.8', count), 1),
    });
  const windows = [window(1, '1', 4), window(2, '1', 0), window(3, '2', 8)];
  expect(soakConflicts({ windows }, windows.slice(1))).toEqual({
    head: ['', 'heartbeat SKIPPED'],
    rows: [
      ['all', '4/min'],
      ['2026-01-01', '2/min'],
      ['2026-01-02', '8/min'],
      ['window 2', '0/min'],
      ['window 3', '8/min'],
    ],
  });
  expect(soakConflicts({ windows: [window(1, '1', 0)] }, [])).toBeNull();
});
