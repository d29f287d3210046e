import { readFileSync } from 'node:fs';
import path from 'node:path';

import { liveMetrics } from '../../harness/soak/live-metrics.ts';
import { DOCKER } from './read.ts';

const NAMES = /\bwindtunnel_\w+/g;

export function readDashboard(): string {
  return readFileSync(path.join(DOCKER, 'metrics', 'dashboard.json'), 'utf8');
}

/** Every metric that the dashboard asks for. */
export function dashboardMetrics(): string[] {
  return [...new Set(readDashboard().match(NAMES))];
}

/** Every metric that a run under way can tell, by the names that Prometheus stores. */
export function servedMetrics(): string[] {
  const numbers = { live: 1, requestsPerSecond: 1, p95Ms: 1, sent: 1, http409: 1, http5xx: 1, deadlocks: 1 };
  const now = { label: 'compose', phase: 'load', elapsedMs: 1, plannedMs: 2, rates: [], latencies: [], faults: [] };
  const samples = liveMetrics({ ...now, ...numbers })
    .split('\n')
    .filter((line) => !line.startsWith('#'));
  return [...new Set(samples.join('\n').match(/^windtunnel_\w+/gm))];
}
