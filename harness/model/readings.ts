import type { Judgement } from './verdict.ts';

/** What a run measured, by metric: may drift over the windows of a soak, and change from night to night. */
export function readingsOf({
  latency,
  measures,
  harness,
  counts,
  load_seconds,
}: Pick<Judgement, 'latency' | 'measures' | 'harness' | 'counts' | 'load_seconds'>): Record<string, number> {
  const readings: Record<string, number | null | undefined> = {
    ...Object.fromEntries(latency.map(({ kind, p95_ms }) => [`latency.${kind}.p95_ms`, p95_ms])),
    'stack.memory_bytes': measures?.memory_bytes,
    'stack.lock_waits': measures?.lock_waits,
    'stack.cpu_s_per_task': measures?.cpu_s_per_task,
    'stack.tasks_per_s': measures?.tasks_per_second,
    'stack.deadlocks_per_s': load_seconds > 0 ? (counts.deadlocks ?? 0) / load_seconds : null,
    'harness.cpu_share': harness.cpu_share,
    'harness.late_p99_ms': harness.late_p99_ms,
    'harness.loop_delay_ms': harness.loop_delay_ms,
  };
  return Object.fromEntries(
    Object.entries(readings).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}
