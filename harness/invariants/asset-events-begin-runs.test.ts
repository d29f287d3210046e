import { expect, test } from 'vitest';

import { ASSET_SCENARIO, ASSETS, assetEvent, assetRun, queueChange } from '../testing/asset-rows.ts';
import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (commits: NonNullable<LiteralRun['commits']>, more: Partial<LiteralRun> = {}) =>
  judgeLiteral('asset-events-begin-runs', { scenario: ASSET_SCENARIO, commits: [...ASSETS, ...commits], ...more });

test('an event that is taken from the queue and not consumed is stranded, until the next event', async () => {
  const result = await judge([
    ...assetEvent(1, 1_000, 11),
    ...assetEvent(2, 1_500, 12, false),
    ...assetRun(7, [1], 2_000, 13),
    ...assetEvent(3, 20_000, 14),
    ...assetRun(8, [2, 3], 21_000, 15, 'wt-scheduler-2'),
  ]);
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { stranded: 1 } });
  expect(result.first).toMatchObject({ at_ms: 1_500, subject: 'event 2 for wt_consumer', severity: 19_500 });
  expect(result.first?.sentence).toBe(
    'Event 2 of the asset wt_goods, which a task of wt_maker made, began no run of wt_consumer for 19.5 s: ' +
      'wt-scheduler-1 had taken what was queued for the DAG, without this event; then it had a run because of event 3.',
  );
});

test('one that no later run consumes is passed over', async () => {
  const result = await judge([
    ...assetEvent(1, 1_000, 11),
    ...assetEvent(2, 1_500, 12, false),
    ...assetRun(7, [1], 2_000, 13),
    ...assetEvent(3, 20_000, 14),
    ...assetRun(8, [3], 21_000, 15),
  ]);
  expect(result.variants).toEqual({ 'passed over': 1 });
  expect(result.first?.sentence).toContain(
    'was consumed by no run of wt_consumer: wt-scheduler-1 created the run run-8 19.5 s later',
  );
});

test('one that is committed after its row in the queue has gone was never queued', async () => {
  const result = await judge([
    ...assetEvent(1, 1_000, 11),
    ...assetRun(7, [1], 2_000, 13),
    ...assetEvent(2, 2_100, 12, false),
  ]);
  expect(result.variants).toEqual({ 'never queued': 1 });
  expect(result.first?.sentence).toContain('nothing was queued for the DAG.');
});

test('an event that waits in the queue, or has just been taken, is no violation', async () => {
  const queued = await judge([...assetEvent(1, 1_000, 11)]);
  expect(queued).toMatchObject({ violations: 0, exercised: 0 });
  const soon = await judge([
    ...assetEvent(1, 1_000, 11),
    ...assetEvent(2, 1_500, 12, false),
    ...assetRun(7, [1], 2_000, 13),
    ...assetEvent(3, 3_000, 14),
    ...assetRun(8, [2, 3], 4_000, 15),
  ]);
  expect(soon).toMatchObject({ violations: 0, exercised: 3 });
});

test('a DAG with as many runs as it may have, and a paused one, wait on purpose', async () => {
  const full = [1, 2, 3, 4].flatMap((id) => [
    ...assetEvent(id, 900 + id, 20 + id),
    ...assetRun(id, [id], 910 + id, 30 + id),
  ]);
  const left = [
    ...assetEvent(11, 2_000, 41),
    ...assetEvent(12, 2_100, 42, false),
    queueChange('delete', { committed_ms: 2_500, xid: 43 }),
  ];
  expect((await judge([...full, ...left])).violations).toBe(0);
  const pause = { op: 1, actor: 'operator', kind: 'pause', requested: 'paused', dag_id: 'wt_consumer' } as const;
  const operations = [{ ...pause, sent_ms: 2_400, ended_ms: 2_450 }];
  expect((await judge(left, { operations })).violations).toBe(0);
  expect((await judge(left)).violations).toBe(2);
});

test('it passes when events are consumed, each with a row of its own (3.4), and is else unknown', async () => {
  const events = Array.from({ length: 20 }, (_, i) => [
    ...assetEvent(i + 1, 1_000 + i * 1_000, 100 + i, false),
    queueChange('insert', {
      committed_ms: 1_000 + i * 1_000,
      xid: 100 + i,
      row: { asset_id: 1, asset_event_id: i + 1 },
    }),
    queueChange('delete', { committed_ms: 1_500 + i * 1_000, xid: 200 + i, row: { asset_event_id: i + 1 } }),
    ...assetRun(i + 1, [i + 1], 1_500 + i * 1_000, 200 + i).slice(1),
    { relation: 'dag_run', change: 'update', id: `${i + 1}`, dag_id: 'wt_consumer', run_id: `run-${i + 1}` },
  ]).flatMap((rows, i) => [
    ...rows.slice(0, -1),
    { ...rows.at(-1), state: 'success', committed_ms: 1_600 + i * 1_000 },
  ]);
  expect(await judge(events)).toMatchObject({ verdict: 'pass', exercised: 20 });
  expect(await judge([])).toMatchObject({ verdict: 'unknown', exercised: 0 });
});
