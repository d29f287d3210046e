import { expect, test } from 'vitest';

import { judgeLiteral, many } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (run: LiteralRun) => judgeLiteral('work-goes-on', run);

const QUEUED = { state: 'queued', committed_ms: 5_000, change: 'insert', writer: 'wt-scheduler-1' };
const OTHER = { life: 9, ti_id: 'other', task_id: 'other', handed_ms: 1_000 };
const PAUSED = { fault: 'pause', victim: 'scheduler-1', opened_ms: 4_000, closed_ms: 12_000 };

test('what is queued and never handed over is a violation', async () => {
  const result = await judge({ commits: [QUEUED], lives: [OTHER] });
  expect(result).toMatchObject({ verdict: 'fail', variants: { queued: 1 } });
  expect(result.first).toMatchObject({ at_ms: 25_000, subject: 'wt_dag/run1/task', severity: 55_000, commits: [1] });
  expect(result.first?.sentence).toBe(
    'wt_dag/run1/task was set to QUEUED by wt-scheduler-1, and 55.0 s later it had not been handed to a worker, when ' +
      'the load ended.',
  );
});

test('what is deferred and not resumed, and what was cleared and goes no further, are violations', async () => {
  const stays = (state: string) => judge({ commits: [{ ...QUEUED, state }], lives: [OTHER] });
  expect((await stays('deferred')).variants).toEqual({ deferred: 1 });
  expect((await stays('restarting')).variants).toEqual({ restarting: 1 });
});

test('once a fault is over, what it interrupted must go on', async () => {
  const faults = [PAUSED];
  const manifest = { load_ended_ms: 70_000, ended_ms: 80_000 };
  const result = await judge({ manifest, commits: [QUEUED], lives: [OTHER], faults });
  expect(result.first).toMatchObject({ at_ms: 62_000, severity: 28_000 });
  // Half a minute of grace, then its 20 s: the load ended before.
  expect(
    (await judge({ manifest: { load_ended_ms: 61_000 }, commits: [QUEUED], lives: [OTHER], faults })).first,
  ).toBeNull();
});

test('a window that was written down when it opened and when it closed is one window', async () => {
  const faults = [{ ...PAUSED, closed_ms: null }, PAUSED];
  const manifest = { load_ended_ms: 70_000, ended_ms: 80_000 };
  expect((await judge({ manifest, commits: [QUEUED], lives: [OTHER], faults })).violations).toBe(1);
  const open = faults.slice(0, 1);
  expect((await judge({ manifest, commits: [QUEUED], lives: [OTHER], faults: open })).violations).toBe(0);
});

test('what clients and users do excuses only while they do it', async () => {
  const faults = [{ ...PAUSED, victim: 'fleet' }];
  const result = await judge({ commits: [QUEUED], lives: [OTHER], faults });
  expect(result.first).toMatchObject({ at_ms: 32_000 });
});

test.each<[string, LiteralRun]>([
  ['it is handed over', { commits: [QUEUED], lives: [{ handed_ms: 5_010 }] }],
  ['it is taken back', { commits: [QUEUED, { state: 'skipped', committed_ms: 9_000 }], lives: [OTHER] }],
  ['it was queued when the load was about to end', { commits: [{ ...QUEUED, committed_ms: 50_000 }], lives: [OTHER] }],
  [
    'the machine stalled',
    {
      commits: [QUEUED],
      lives: [OTHER],
      samples: [{ at_ms: 30_000, source: 'harness', metric: 'loop_delay_ms', value: 9_000 }],
    },
  ],
])('it is no violation when %s', async (_when, run) => {
  expect((await judge(run)).first).toBeNull();
});

test('a scheduler that hands nothing over while the other does all the work is a violation', async () => {
  const lives = [
    { scheduler: 'wt-scheduler-2', handed_ms: -500 },
    ...many(100, (i) => ({ ti_id: `${i}`, handed_ms: 100 * i })),
  ];
  const result = await judge({ commits: [{ state: 'success' }], lives });
  expect(result.variants).toEqual({ 'idle scheduler': 1 });
  expect(result.first?.subject).toBe('wt-scheduler-2');
  expect(
    (await judge({ commits: [{ state: 'success' }], lives, faults: [{ ...PAUSED, closed_ms: 20_000 }] })).first,
  ).toBeNull();
});

test('it passes when fifty went on, and is unknown with fewer', async () => {
  const run = (n: number): LiteralRun => ({
    commits: many(n, (i) => ({ ...QUEUED, id: `${i}`, task_id: `t${i}` })),
    lives: many(n, (i) => ({ life: i, ti_id: `${i}`, task_id: `t${i}`, handed_ms: 5_100 })),
  });
  expect(await judge(run(50))).toMatchObject({ verdict: 'pass', exercised: 50 });
  expect(await judge(run(49))).toMatchObject({ verdict: 'unknown', exercised: 49 });
});
