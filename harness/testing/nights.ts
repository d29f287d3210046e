import { Rng } from '../model/rng.ts';
import { isValidRun, type Judgement } from '../model/verdict.ts';
import type { NightRuns, RunOfNight } from '../trend/trend.ts';
import { judgement, manifest } from './fixture.ts';
import { finding } from './fixture-finding.ts';

interface LiteralNight {
  readonly airflow?: string;
  /** Of the heartbeats, around which a night's value lies. */
  readonly p95_ms?: number;
  /** Of the one finding, in a minute of load. */
  readonly occurrences?: number;
  readonly over?: Partial<Judgement>;
}

/** Nights of one run each, from 2026-11-01 on, with some noise that is the same each time. */
export function literalNights(nights: number, of: (night: number) => LiteralNight): NightRuns[] {
  return Array.from({ length: nights }, (_, night) => {
    const { airflow = '3.3.1', p95_ms = 40, occurrences = 0, over = {} } = of(night);
    const rng = new Rng(night, 'night');
    const at = new Date(Date.UTC(2026, 10, 1 + night, 2)).toISOString();
    const run: RunOfNight = literalNight(at, airflow, {
      build: 'airflow@main',
      verdict: occurrences > 0 ? 'fail' : 'pass',
      findings: occurrences > 0 ? [finding({ occurrences })] : [],
      latency: [
        { kind: 'heartbeat', count: 9_000, p50_ms: 20, p95_ms: p95_ms + 4 * rng.next(), p99_ms: 99, max_ms: 500 },
      ],
      counts: { operations: Math.round(9_000 + 500 * rng.next()), http_409: 0, http_5xx: 0, deadlocks: occurrences },
      ...over,
    });
    return { at, folder: `nights/${at.slice(0, 10)}`, scenario: 'seeds', manifest: run.manifest, runs: [run] };
  });
}

function literalNight(started_at: string, airflow: string, over: Partial<Judgement>): RunOfNight {
  const judged = judgement(over);
  const identity = { airflow, postgres: '18.4', python: '3.12.3' };
  return {
    folder: `nights/${started_at.slice(0, 10)}`,
    manifest: manifest({ started_at, build: 'airflow@main', identity }),
    judged,
    isValid: isValidRun(judged),
  };
}
