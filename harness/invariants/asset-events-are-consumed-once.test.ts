import { expect, test } from 'vitest';

import { ASSET_SCENARIO, ASSETS, assetEvent, assetRun } from '../testing/asset-rows.ts';
import { judgeLiteral } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const judge = (commits: NonNullable<LiteralRun['commits']>) =>
  judgeLiteral('asset-events-are-consumed-once', { scenario: ASSET_SCENARIO, commits: [...ASSETS, ...commits] });

test('an event that two runs of a DAG consume is a violation', async () => {
  const result = await judge([
    ...assetEvent(1, 1_000, 11),
    ...assetRun(7, [1], 2_000, 13),
    ...assetRun(8, [1], 2_300, 14, 'wt-scheduler-2'),
  ]);
  expect(result).toMatchObject({ verdict: 'fail', violations: 1, variants: { 'by two processes at once': 1 } });
  expect(result.first?.sentence).toBe(
    'Event 1 of the asset wt_goods was consumed by 2 runs of wt_consumer: wt-scheduler-1 created the run run-7, and ' +
      'wt-scheduler-2 the run run-8 0.3 s later.',
  );
});

test('one process, or two one after another, are another kind', async () => {
  const later = (writer: string, committed_ms: number) =>
    judge([...assetEvent(1, 1_000, 11), ...assetRun(7, [1], 2_000, 13), ...assetRun(8, [1], committed_ms, 14, writer)]);
  expect((await later('wt-scheduler-1', 2_100)).variants).toEqual({ 'by one process': 1 });
  expect((await later('wt-scheduler-2', 9_000)).variants).toEqual({ 'by two processes': 1 });
});

test('it passes when each is consumed once, and is unknown with few', async () => {
  const events = Array.from({ length: 20 }, (_, i) => [
    ...assetEvent(i + 1, 1_000 + i * 1_000, 100 + i),
    ...assetRun(i + 1, [i + 1], 1_500 + i * 1_000, 200 + i),
  ]).flat();
  expect(await judge(events)).toMatchObject({ verdict: 'pass', exercised: 20 });
  expect(await judge(events.slice(0, 10))).toMatchObject({ verdict: 'unknown', violations: 0 });
});
