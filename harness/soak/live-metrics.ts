import { gauge, type Metric, openMetrics } from '../../reports/openmetrics.ts';
import type { LiveNow } from '../console/live-line.ts';

/** `/metrics` of a run under way. */
export function liveMetrics(now: LiveNow & { readonly label: string }): string {
  const { phase, elapsedMs, plannedMs, live, requestsPerSecond, p95Ms, faults } = now;
  const counter = (name: string, help: string, value: number | null): Metric => ({
    name,
    type: 'counter',
    help,
    samples: [{ value }],
  });
  const left = plannedMs === null ? null : Math.max(0, plannedMs - elapsedMs) / 1_000;
  const metrics: Metric[] = [
    { name: 'windtunnel_phase', type: 'info', help: 'What the run is at.', samples: [{ labels: { phase }, value: 1 }] },
    gauge('windtunnel_phase_seconds', 'seconds', 'Since the phase began.', elapsedMs / 1_000),
    gauge('windtunnel_load_left_seconds', 'seconds', 'Until the load is over.', left),
    gauge('windtunnel_lives_at_work', null, 'Simulated task attempts that have started and not ended.', live),
    gauge('windtunnel_requests_per_second', null, 'Over the last second.', requestsPerSecond),
    gauge(
      'windtunnel_latency_seconds',
      'seconds',
      'p95 of the last second, from the intended start.',
      p95Ms && p95Ms / 1_000,
    ),
    counter('windtunnel_requests', 'Requests sent.', now.sent),
    counter('windtunnel_http_409', 'Answers 409.', now.http409),
    counter('windtunnel_http_5xx', 'Answers 5xx.', now.http5xx),
    counter('windtunnel_deadlocks', 'Deadlocks that PostgreSQL counted.', now.deadlocks),
    gauge('windtunnel_open_faults', null, 'Windows of damage that are open.', faults.length),
  ];
  return openMetrics(metrics, { run: now.label });
}
