import { execFileSync, spawnSync } from 'node:child_process';

import { expect, test } from 'vitest';
import { liveMetrics } from '../harness/soak/live-metrics.ts';
import { emptyJudgement, HOSTILE, hostileJudgement, hugeJudgement, judgement } from '../harness/testing/fixture.ts';
import { reportOpenMetrics } from '../reports/openmetrics.ts';

/** The parser that Prometheus' own Python client ships: what it takes, scrapers take. */

const python = process.env.WINDTUNNEL_PROMETHEUS_PYTHON ?? 'python3';
const found = spawnSync(python, ['-c', 'import prometheus_client.openmetrics.parser']).status === 0;
if (!found) {
  const why =
    `${python} has no prometheus_client: pip install prometheus-client, ` +
    'or name a Python that has it in WINDTUNNEL_PROMETHEUS_PYTHON';
  if (process.env.CI) throw new Error(`CI must parse OpenMetrics: ${why}`);
  console.warn(`SKIPPED: no OpenMetrics was parsed, because ${why}`);
}

const PROGRAM = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
print(json.dumps([[f.name, f.type, [[s.name, s.labels, s.value] for s in f.samples]] for f in families]))
`;

type Family = readonly [
  name: string,
  type: string,
  samples: readonly [string, Readonly<Record<string, string>>, number][],
];

function parsed(text: string): Family[] {
  return JSON.parse(execFileSync(python, ['-c', PROGRAM], { input: text, encoding: 'utf8', maxBuffer: 1e8 }));
}

test.skipIf(!found)('the numbers of a run are OpenMetrics, whatever its names hold', () => {
  for (const one of [judgement(), emptyJudgement(), hostileJudgement(), hugeJudgement()]) {
    const families = parsed(reportOpenMetrics(one));
    expect(families.find(([name]) => name === 'windtunnel_verdict')?.[1]).toBe('stateset');
  }
  const [, , samples = []] =
    parsed(reportOpenMetrics(hostileJudgement())).find(([name]) => name === 'windtunnel_chances') ?? [];
  expect(samples[0]?.[1].promise).toContain('<img src=x onerror=alert(1)>"\'&`|*_[a](javascript:1)');
});

test.skipIf(!found)('the numbers of a run under way are OpenMetrics, too', () => {
  const families = parsed(
    liveMetrics({
      label: HOSTILE,
      phase: 'load',
      elapsedMs: 12_300,
      plannedMs: 60_000,
      live: 40,
      requestsPerSecond: 210.5,
      p95Ms: 412,
      rates: [],
      latencies: [],
      sent: 2_000,
      http409: 3,
      http5xx: 0,
      deadlocks: 1,
      faults: ['kill scheduler-1'],
    }),
  );
  expect(families.map(([name]) => name)).toEqual(
    expect.arrayContaining(['windtunnel_requests', 'windtunnel_lives_at_work']),
  );
});
