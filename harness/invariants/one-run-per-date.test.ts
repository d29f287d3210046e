import { expect, test } from 'vitest';

import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('one-run-per-date', run);

/** The load begins at 10:00:00, so that 10:00 and 10:01 are due in its 120 s, and 9:59 before it. */
const manifest = { load_started_ms: 0, load_ended_ms: 119_000, ended_ms: 125_000 };
const scenario = { dags: [{ dag_id: 'wt_dag', schedule: '* * * * *', past_runs: 1, max_active_runs: 2, tasks: [] }] };

function made(time: string, committed_ms: number, more: object = {}) {
  const row = { run_type: 'scheduled', logical_date: `2026-11-21T${time}:00.000Z` };
  const run = { relation: 'dag_run', change: 'insert', id: time, dag_id: 'wt_dag', run_id: time, state: 'queued' };
  return { ...run, writer: 'wt-scheduler-1', committed_ms, row, ...more };
}
const ended = (time: string, committed_ms: number) => made(time, committed_ms, { change: 'update', state: 'success' });
const MORNING = [made('09:59', 500), ended('09:59', 900), made('10:00', 1_000), ended('10:00', 1_500)];

test('a date that is passed over is a violation', async () => {
  const result = await judge({
    manifest,
    scenario,
    commits: [made('09:59', 500), ended('09:59', 900), made('10:01', 60_500)],
  });
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'passed over': 1 } });
  expect(result.first).toMatchObject({ subject: 'wt_dag', commits: [3] });
  expect(result.first?.sentence).toBe('The date 10:00 of the schedule of wt_dag got no run, and a later one did.');
});

test('a date that gets no run, and one that gets it late, are violations', async () => {
  expect((await judge({ manifest, scenario, commits: MORNING })).variants).toEqual({ lost: 1 });
  const late = await judge({ manifest, scenario, commits: [...MORNING, made('10:01', 90_000)] });
  expect(late.variants).toEqual({ late: 1 });
  expect(late.first).toMatchObject({ at_ms: 90_000, severity: 30_000 });
  expect(late.first?.sentence).toBe('The date 10:01 of the schedule of wt_dag got its run 30.0 s after it was due.');
});

test('a date that gets two runs is a violation', async () => {
  const commits = [...MORNING, made('10:01', 60_500), made('10:01', 60_600, { id: 'other', run_id: 'other' })];
  expect((await judge({ manifest, scenario, commits })).variants).toEqual({ doubled: 1 });
});

test.each<[string, LiteralRun]>([
  [
    'as many runs as may be were under way',
    {
      commits: [MORNING[0], MORNING[2], made('10:01', 90_000), ended('09:59', 85_000)]
        .flatMap((row) => row ?? [])
        .sort((a, b) => a.committed_ms - b.committed_ms),
    },
  ],
  [
    'a fault had just been healed',
    {
      commits: [...MORNING, made('10:01', 90_000)],
      faults: [{ fault: 'pause', victim: 'scheduler-1', opened_ms: 50_000, closed_ms: 62_000 }],
    },
  ],
  [
    'its DAG was paused',
    {
      commits: [...MORNING, made('10:01', 90_000)],
      operations: [
        { actor: 'operator', kind: 'pause', dag_id: 'wt_dag', requested: 'paused', sent_ms: 55_000 },
        { actor: 'operator', kind: 'pause', dag_id: 'wt_dag', requested: 'unpaused', sent_ms: 88_000 },
      ],
    },
  ],
  [
    'it had its run, and an operator deleted that',
    {
      commits: [
        ...MORNING,
        made('10:01', 60_500),
        { ...made('10:01', 62_000), change: 'delete', state: null, dag_id: null, row: {} },
        made('10:01', 90_000, { id: 'again' }),
      ],
    },
  ],
  [
    'the machine stalled',
    {
      commits: [...MORNING, made('10:01', 90_000)],
      samples: [{ at_ms: 80_000, source: 'harness', metric: 'loop_delay_ms', value: 5_000 }],
    },
  ],
])('a date may wait when %s', async (_when, run) => {
  expect((await judge({ manifest, scenario, ...run })).first).toBeNull();
});

test('it passes when each date got its run in time, and is unknown where none was due', async () => {
  const commits = [...MORNING, made('10:01', 60_500)];
  expect(await judge({ manifest, scenario, commits })).toMatchObject({ verdict: 'pass', exercised: 3 });
  const triggered = { dags: [{ dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 2, tasks: [] }] };
  expect(await judge({ manifest, scenario: triggered, commits })).toMatchObject({ verdict: 'unknown', exercised: 0 });
});

test('the date of the minute in which a run begins that continues another may have its run already', async () => {
  const later = { dags: scenario.dags.map((dag) => ({ ...dag, past_runs: 0 })) };
  const run = { scenario: later, commits: [made('10:01', 60_500)] };
  expect((await judge({ ...run, manifest })).variants).toEqual({ 'passed over': 1 });
  expect((await judge({ ...run, manifest: { ...manifest, continues: true } })).violations).toBe(0);
});
