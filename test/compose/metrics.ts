import { readFileSync } from 'node:fs';
import path from 'node:path';

import { serveMetrics } from '../../harness/console/metrics.ts';
import { DOCKER } from './read.ts';

const NAMES = /\bwindtunnel_\w+/g;

export function readDashboard(): string {
  return readFileSync(path.join(DOCKER, 'metrics', 'dashboard.json'), 'utf8');
}

/** Every metric that the dashboard asks for. */
export function dashboardMetrics(): string[] {
  return [...new Set(readDashboard().match(NAMES))];
}

/** Every metric that a run under way serves. */
export async function servedMetrics(): Promise<string[]> {
  const numbers = { live: 1, requestsPerSecond: 1, p95Ms: 1, sent: 1, http409: 1, http5xx: 1, deadlocks: 1 };
  const now = { phase: 'load', elapsedMs: 1, plannedMs: 2, faults: [], ...numbers };
  const server = await serveMetrics(0, { label: 'compose', read: () => now });
  try {
    const text = await (await fetch(server.url)).text();
    return [...new Set(text.match(/^windtunnel_\w+/gm))];
  } finally {
    await server.close();
  }
}
