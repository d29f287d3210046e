import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import { invariant, judgement } from '../harness/testing/fixture.ts';
import { type ConflictRun, conflictRun, STAGES, withConflictRuns, withConflictTable } from './conflicts-page.ts';

const ORIGIN = { repeat: 'windtunnel run …', commit: 'abc1234', at: '2026-11-30T08:00:00.000Z' };
const EMPTY = '<!-- begin table -->\n<!-- end table -->';
const [released = '', guarded = '', both = ''] = STAGES.map(({ name }) => name);

const run = (stage: string, seed: number, skipped: number): ConflictRun =>
  conflictRun(
    judgement({
      seed,
      load_seconds: 60,
      conflicts:
        skipped === 0
          ? []
          : [
              {
                kind: 'heartbeat',
                found_state: 'skipped',
                reason: 'not_running',
                count: skipped,
                per_minute: skipped,
                violations: skipped,
              },
            ],
      invariants: [invariant('running-is-not-overwritten', skipped > 0 ? 'fail' : 'pass', { violations: skipped })],
    }),
    { stage, took_s: 95 },
    ORIGIN,
  );

test('the stages are 3.1.8 with no guard, with the first, and with both', () => {
  expect(STAGES.map(({ build }) => build.split('+').length - 1)).toEqual([0, 1, 2]);
});

test('a row for each request and state found, a cell for each stage, from all of its runs', () => {
  const runs = [run(released, 1, 10), run(released, 2, 14), run(guarded, 1, 0), run(guarded, 2, 3), run(both, 1, 0)];
  const page = withConflictTable(EMPTY, runs);
  expect(page).toContain(
    '| heartbeat SKIPPED | 12/min (10 to 14 a run, in 2 of 2) | 1.5/min (0 to 3 a run, in 1 of 2) | 0 in 1 run |',
  );
  expect(page).toMatch(/\| of all these, by a violation \| 12\/min .* \| 0 in 1 run \|/);
  expect(page).toMatch(/\| `running-is-not-overwritten` \| 12\/min .* \| 0 in 1 run \|/);
  expect(withConflictTable(EMPTY, [])).toContain('Not measured yet.');
  expect(() => withConflictTable('no marker', [])).toThrow('has no <!-- begin table -->');
});

test('of a stage and a seed the newest run is kept', () => {
  const kept = withConflictRuns([run(both, 1, 0), run(released, 2, 5), run(released, 1, 5)], [run(released, 1, 7)]);
  expect(kept.map(({ seed, stage, conflicts }) => [seed, stage, conflicts['heartbeat SKIPPED']?.[0] ?? 0])).toEqual([
    [1, released, 7],
    [1, both, 0],
    [2, released, 5],
  ]);
});

test('docs/63266.md has the table of the kept runs (npm run conflicts writes it)', () => {
  const root = path.join(import.meta.dirname, '..');
  const record = path.join(root, 'records', '63266.json');
  const kept = existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as ConflictRun[]) : [];
  const page = readFileSync(path.join(root, 'docs', '63266.md'), 'utf8');
  expect(withConflictTable(page, kept)).toBe(page);
});
