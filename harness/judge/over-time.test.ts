import { expect, test } from 'vitest';

import type { OverTime, SeriesMetric } from '../model/over-time.ts';
import { withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';
import { readFaultEffects, readHarnessCost, readOverTime } from './over-time.ts';

const overTime = (run: LiteralRun) => withLiteralRun(run, readOverTime);
const valuesOf = ({ series }: OverTime, metric: SeriesMetric, of: string) =>
  series.find((one) => one.metric === metric && one.of === of)?.values;

test('a run of a minute has a step for each second; requests count where they were intended', async () => {
  const found = await overTime({
    operations: [
      { intended_ms: 10_100, sent_ms: 10_600, ended_ms: 10_900 },
      { intended_ms: 10_900, sent_ms: 11_000, ended_ms: 11_100, outcome: 'refused', status: 409 },
      { intended_ms: 12_000, sent_ms: 12_000, ended_ms: 13_000, outcome: 'unknown', status: 500 },
    ],
    server_log: [{ at_ms: 12_500, source: 'postgres', sqlstate: '40P01', pid: 3 }],
  });
  expect(found).toMatchObject({ from_ms: 0, step_ms: 1_000, steps: 60, load_ended_ms: 60_000 });
  expect(valuesOf(found, 'requests_per_s', 'ok')?.slice(9, 13)).toEqual([0, 1, 0, 0]);
  expect(valuesOf(found, 'requests_per_s', 'refused')?.slice(9, 13)).toEqual([0, 1, 0, 0]);
  expect(valuesOf(found, 'requests_per_s', 'unknown')?.slice(9, 13)).toEqual([0, 0, 0, 1]);
  expect(valuesOf(found, 'events', '409')?.slice(9, 13)).toEqual([0, 1, 0, 0]);
  expect(valuesOf(found, 'events', '5xx')?.slice(9, 13)).toEqual([0, 0, 0, 1]);
  expect(valuesOf(found, 'events', 'deadlocks')?.slice(9, 13)).toEqual([0, 0, 0, 1]);
  expect(valuesOf(found, 'latency_ms', 'p50')?.slice(9, 13)).toEqual([null, 500, null, 1000]);
  expect(valuesOf(found, 'harness_ms', 'request lateness')?.slice(9, 13)).toEqual([null, 500, null, 0]);
});

test('CPU is the use between two readings, and a process that was started again counts from 0', async () => {
  const reading = (at_ms: number, value: number) => ({ at_ms, source: 'scheduler-1', metric: 'cpu_s', value });
  const found = await overTime({
    samples: [
      reading(1_000, 5),
      reading(2_000, 5.5),
      reading(3_000, 0.1),
      reading(5_000, 1.1),
      { at_ms: 1_500, source: 'scheduler-1', metric: 'rss_bytes', value: 4096 },
      { at_ms: 1_500, source: 'machine', metric: 'cpu_s', value: 900 },
    ],
  });
  expect(valuesOf(found, 'cpu_cores', 'scheduler-1')?.slice(0, 7)).toEqual([null, null, 0.5, null, null, 0.5, null]);
  expect(valuesOf(found, 'memory_bytes', 'scheduler-1')?.slice(0, 3)).toEqual([null, 4096, null]);
  expect(valuesOf(found, 'cpu_cores', 'machine')).toBeUndefined();
});

test('of more processes than can be distinguished the roles are shown', async () => {
  const names = [...Array(9)].map((_, index) => `api-execution-${index + 1}`);
  const found = await overTime({
    samples: names.flatMap((source) => [
      { at_ms: 1_000, source, metric: 'rss_bytes', value: 100 },
      { at_ms: 1_000, source, metric: 'cpu_s', value: 1 },
      { at_ms: 2_000, source, metric: 'cpu_s', value: 1.5 },
    ]),
  });
  expect(found.series.filter(({ metric }) => metric === 'memory_bytes').map(({ of }) => of)).toEqual(['api-execution']);
  expect(valuesOf(found, 'memory_bytes', 'api-execution')?.[1]).toBe(900);
  expect(valuesOf(found, 'cpu_cores', 'api-execution')?.[2]).toBe(4.5);
});

test.each([
  [8 * 3_600_000, 120_000, 240],
  [300_000, 1_000, 300],
  [301_000, 2_000, 151],
  [90 * 86_400_000, 25_920_000, 300],
])('a run of %d ms has steps of %d ms', async (load_ended_ms, step_ms, steps) => {
  expect(await overTime({ manifest: { load_ended_ms } })).toMatchObject({ step_ms, steps });
});

test('a run in which nothing was recorded has one step and no lines', async () => {
  const found = await overTime({ manifest: { load_started_ms: null, load_ended_ms: null, ended_ms: null } });
  expect(found).toMatchObject({ steps: 1, series: [] });
});

/** Ten requests a second, each as slow as `tookMs` says of its second. */
function steady(tookMs: (second: number) => number, ok: (second: number) => boolean = () => true) {
  return [...Array(600)].map((_, index) => {
    const intended_ms = index * 100;
    const second = Math.floor(index / 10);
    return {
      intended_ms,
      sent_ms: intended_ms,
      ended_ms: intended_ms + tookMs(second),
      ...(ok(second) ? {} : ({ outcome: 'unknown', status: 500 } as const)),
    };
  });
}

test('a fault is shown with the load before, during and after it, and the time to recovery', async () => {
  const [effect, ...others] = await withLiteralRun(
    {
      operations: steady(
        (second) => (second >= 20 && second < 27 ? 2_000 : 50),
        (second) => second < 20 || second >= 23,
      ),
      faults: [
        { fault: 'kill', victim: 'scheduler-1', opened_ms: 20_000, window: 1, detail: 'SIGKILL' },
        { fault: 'kill', victim: 'scheduler-1', opened_ms: 20_000, closed_ms: 24_000, window: 1, detail: 'SIGKILL' },
      ],
      samples: [
        { at_ms: 15_000, source: 'fleet', metric: 'live_lives', value: 40 },
        { at_ms: 21_000, source: 'fleet', metric: 'live_lives', value: 10 },
      ],
    },
    readFaultEffects,
  );
  expect(others).toEqual([]);
  expect(effect).toMatchObject({ fault: 'kill', opened_ms: 20_000, closed_ms: 24_000, others_before: false });
  expect(effect?.before).toMatchObject({ seconds: 10, ok_per_s: 10, unknown_per_s: 0, p95_ms: 50, live: 40 });
  expect(effect?.during).toMatchObject({ seconds: 4, ok_per_s: 2.5, unknown_per_s: 7.5, p95_ms: 2_000, live: 10 });
  expect(effect?.after).toMatchObject({ seconds: 10, ok_per_s: 10, unknown_per_s: 0, live: null });
  // Slow for three more seconds; of five seconds half a second may be.
  expect(effect?.recovered_ms).toBe(3_000);
});

test('a fault that stays open has no time after it, and one at the very beginning none before', async () => {
  const effects = await withLiteralRun(
    {
      operations: steady(() => 50),
      faults: [
        { fault: 'slow-disk', victim: 'postgres', opened_ms: 100, closed_ms: 5_000, window: 1 },
        { fault: 'pause', victim: 'scheduler-1', opened_ms: 8_000, window: 2 },
      ],
    },
    readFaultEffects,
  );
  expect(effects).toMatchObject([
    { before: null, recovered_ms: null },
    { closed_ms: null, after: null, recovered_ms: null, others_before: true },
  ]);
});

test('what the harness cost is read from its own samples during the load', async () => {
  const cost = await withLiteralRun(
    {
      operations: steady(() => 50),
      samples: [
        { at_ms: 1_000, source: 'harness', metric: 'cpu_s', value: 3 },
        { at_ms: 50_000, source: 'harness', metric: 'cpu_s', value: 4.5 },
        { at_ms: 50_000, source: 'harness', metric: 'rss_bytes', value: 1e8 },
        { at_ms: 69_000, source: 'harness', metric: 'loop_delay_ms', value: 900 },
        { at_ms: 49_000, source: 'harness', metric: 'cpu_wait_ms', value: 1_000 },
        { at_ms: 50_000, source: 'harness', metric: 'cpu_wait_ms', value: 5_000 },
        { at_ms: 50_000, source: 'harness', metric: 'gc_pause_ms', value: 4 },
        { at_ms: 50_000, source: 'harness', metric: 'recorder_behind_ms', value: 110 },
        { at_ms: 50_000, source: 'fleet', metric: 'connections_waiting', value: 0 },
        { at_ms: 50_000, source: 'machine', metric: 'ports', value: 1_000 },
        { at_ms: 50_000, source: 'machine', metric: 'ports_in_use', value: 30 },
      ],
    },
    (run) => readHarnessCost(run, 0.1),
  );
  expect(cost).toEqual({
    cpu_share: 0.1,
    cpu_s: 1.5,
    peak_rss_bytes: 1e8,
    late_p99_ms: 0,
    late_max_ms: 0,
    loop_delay_ms: null,
    commit_lag_ms: null,
    gc_pause_ms: 4,
    cpu_wait_share: 0.1,
    recorder_behind_ms: 110,
    connections_waiting: 0,
    ports_share: 0.03,
  });
});
