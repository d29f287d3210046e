import type { FaultEffect, HarnessCost, OverTime, Phase, Series } from '../model/over-time.ts';

/** Literal measurements over time for the tests of every format. */

const DEADLOCKS = [3, 20, 41];

export function overTime(over: Partial<OverTime> = {}): OverTime {
  const steps = over.steps ?? 60;
  const series = (metric: Series['metric'], of: string, value: (step: number) => number | null): Series => ({
    metric,
    of,
    values: Array.from({ length: steps }, (_, step) => value(step)),
  });
  const wave = (mean: number, swing: number) => (step: number) => Math.round(mean + swing * Math.sin(step / 5));
  return {
    from_ms: 21_000,
    step_ms: 1_000,
    steps,
    load_ended_ms: 21_000 + steps * 1_000,
    series: [
      series('requests_per_s', 'ok', wave(180, 60)),
      series('requests_per_s', 'refused', (step) => (step % 4 === 1 ? 3 : 0)),
      series('requests_per_s', 'unknown', (step) => (step === 20 ? 40 : 0)),
      series('latency_ms', 'p50', wave(30, 8)),
      series('latency_ms', 'p95', (step) => (step > 19 && step < 26 ? 5_000 : 400)),
      series('latency_ms', 'p99', (step) => (step > 19 && step < 26 ? 9_000 : step === 40 ? null : 900)),
      series('events', '409', (step) => (step % 4 === 1 ? 3 : 0)),
      series('events', '5xx', () => 0),
      series('events', 'deadlocks', (step) => (DEADLOCKS.includes(step) ? 1 : 0)),
      series('load', 'live lives', (step) => Math.min(120, step * 9)),
      series('cpu_cores', 'scheduler-1', wave(0.4, 0.2)),
      series('cpu_cores', 'postgres', wave(0.8, 0.1)),
      series('memory_bytes', 'postgres', (step) => 2 ** 28 + step * 2 ** 20),
      series('database', 'connections', wave(40, 3)),
      series('harness_ms', 'event loop delay', wave(12, 4)),
    ],
    ...over,
  };
}

export function phase(over: Partial<Phase> = {}): Phase {
  return { seconds: 10, ok_per_s: 180, refused_per_s: 0.4, unknown_per_s: 0, p95_ms: 410, live: 96, ...over };
}

export function faultEffect(over: Partial<FaultEffect> = {}): FaultEffect {
  return {
    window: 1,
    fault: 'kill',
    victim: 'scheduler-1',
    opened_ms: 41_000,
    closed_ms: 47_000,
    detail: 'SIGKILL',
    others_before: false,
    before: phase(),
    during: phase({ seconds: 6, ok_per_s: 61.5, unknown_per_s: 6.7, p95_ms: 5_210 }),
    after: phase({ ok_per_s: 190 }),
    recovered_ms: 2_000,
    ...over,
  };
}

export const HARNESS_COST: HarnessCost = {
  cpu_share: 0.074,
  cpu_s: 8.9,
  peak_rss_bytes: 187_371_520,
  loop_delay_ms: 113.3,
  late_p99_ms: 13,
  late_max_ms: 57.4,
  commit_lag_ms: 43.9,
  gc_pause_ms: 3.2,
  cpu_wait_share: 0.021,
  recorder_behind_ms: 118,
  connections_waiting: 0,
  ports_share: 0.012,
};

export const NO_HARNESS_COST: HarnessCost = {
  cpu_share: null,
  cpu_s: null,
  peak_rss_bytes: null,
  loop_delay_ms: null,
  late_p99_ms: null,
  late_max_ms: null,
  commit_lag_ms: null,
  gc_pause_ms: null,
  cpu_wait_share: null,
  recorder_behind_ms: null,
  connections_waiting: null,
  ports_share: null,
};
