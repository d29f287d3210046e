import type { Judgement } from '../harness/model/verdict.ts';
import { excerpt } from './words.ts';

/** Numbers for Prometheus and what reads its formats: OpenMetrics 1.0, of a run that is over or of one under way. */

export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

export interface Metric {
  /** With its unit at the end, if it has one; without the suffix that its type asks for. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info' | 'stateset' | 'summary';
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly suffix?: '_count' | undefined;
  readonly labels?: Labels;
  /** Null: not known, and then not told. */
  readonly value: number | null | undefined;
}

/** One document. `common` are the labels of every sample: which run it is. */
export function openMetrics(metrics: readonly Metric[], common: Labels = {}): string {
  return `${metrics.flatMap((metric) => family(metric, common)).join('\n')}\n# EOF\n`;
}

function family({ name, type, unit, help, samples }: Metric, common: Labels): string[] {
  const known = samples.flatMap(({ value, ...rest }) => (typeof value === 'number' ? [{ ...rest, value }] : []));
  if (known.length === 0) return [];
  const own = { counter: '_total', info: '_info', gauge: '', stateset: '', summary: '' }[type];
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
    ...known.map(({ suffix, labels, value }) => `${name}${suffix ?? own}${written({ ...common, ...labels })} ${value}`),
  ];
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Control characters are made visible before, so that a line break can only be our own. */
function escaped(text: string): string {
  return excerpt(text, 200).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

/** `metrics.txt` of a run. */
export function reportOpenMetrics(judgement: Judgement): string {
  const { build, scenario, seed } = judgement;
  return openMetrics([...outcome(judgement), ...traffic(judgement), ...cost(judgement)], {
    build,
    scenario,
    seed: String(seed),
  });
}

function outcome({ verdict, invariants, findings, first_violation_s, load_seconds }: Judgement): Metric[] {
  const name = 'windtunnel_verdict';
  return [
    {
      name,
      type: 'stateset',
      help: 'The verdict on the build.',
      samples: (['pass', 'fail', 'unknown'] as const).map((one) => ({
        labels: { [name]: one },
        value: one === verdict ? 1 : 0,
      })),
    },
    {
      name: 'windtunnel_violations',
      type: 'counter',
      help: 'How often each promise was broken.',
      samples: invariants.map((one) => ({ labels: { promise: one.name }, value: one.violations })),
    },
    {
      name: 'windtunnel_chances',
      type: 'counter',
      help: 'How often the run gave each promise a chance to break.',
      samples: invariants.map((one) => ({ labels: { promise: one.name }, value: one.chances })),
    },
    {
      name: 'windtunnel_finding_occurrences',
      type: 'counter',
      help: 'How often each cause struck.',
      samples: findings.map(({ fingerprint, known_race, occurrences }) => ({
        labels: { fingerprint, known_race: known_race ?? '' },
        value: occurrences,
      })),
    },
    gauge(
      'windtunnel_first_violation_seconds',
      'seconds',
      'From the start of the load to the first violation.',
      first_violation_s,
    ),
    gauge('windtunnel_load_seconds', 'seconds', 'How long the load lasted.', load_seconds),
  ];
}

function traffic({ counts, classes, latency, faults }: Judgement): Metric[] {
  const counter = (name: string, help: string, value: number | undefined): Metric => ({
    name,
    type: 'counter',
    help,
    samples: [{ value }],
  });
  const kinds = new Map<string, number>();
  for (const { fault } of faults) kinds.set(fault, (kinds.get(fault) ?? 0) + 1);
  return [
    {
      name: 'windtunnel_requests',
      type: 'counter',
      help: 'Requests by outcome: unknown is a 5xx, or no answer.',
      samples: ['ok', 'refused', 'unknown'].map((one) => ({ labels: { outcome: one }, value: counts[one] })),
    },
    counter('windtunnel_http_409', 'Answers 409.', counts.http_409),
    counter('windtunnel_http_5xx', 'Answers 5xx.', counts.http_5xx),
    counter('windtunnel_deadlocks', 'Deadlocks that PostgreSQL counted.', counts.deadlocks),
    counter('windtunnel_lives', 'Simulated task attempts.', counts.lives),
    {
      name: 'windtunnel_refusals',
      type: 'counter',
      help: 'Every 4xx and 5xx by request, status and class.',
      samples: summed(
        classes.map((one) => ({
          labels: { kind: one.kind, status: String(one.status), class: one.class },
          value: one.count,
        })),
      ),
    },
    {
      name: 'windtunnel_request_duration_seconds',
      type: 'summary',
      unit: 'seconds',
      help: 'From the intended start of a request to its end.',
      samples: latency.flatMap(({ kind, count, p50_ms, p95_ms, p99_ms, max_ms }) => [
        ...(
          [
            ['0.5', p50_ms],
            ['0.95', p95_ms],
            ['0.99', p99_ms],
            ['1.0', max_ms],
          ] as const
        ).map(([quantile, ms]) => ({
          labels: { kind, quantile },
          value: ms / 1_000,
        })),
        { suffix: '_count' as const, labels: { kind }, value: count },
      ]),
    },
    {
      name: 'windtunnel_fault_windows',
      type: 'counter',
      help: 'Windows of damage by fault.',
      samples: [...kinds].map(([fault, value]) => ({ labels: { fault }, value })),
    },
  ];
}

/** The same labels twice would be two values of one thing. */
function summed(samples: readonly { readonly labels: Labels; readonly value: number }[]): Sample[] {
  const sums = new Map<string, { labels: Labels; value: number }>();
  for (const { labels, value } of samples) {
    const key = written(labels);
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}

function cost({ harness }: Judgement): Metric[] {
  const { cpu_share, peak_rss_bytes, loop_delay_ms, late_p99_ms, headroom } = harness;
  const inSeconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  return [
    gauge(
      'windtunnel_harness_cpu_ratio',
      'ratio',
      'Share of the machine’s CPU that the harness used during the load.',
      cpu_share,
    ),
    gauge('windtunnel_harness_memory_bytes', 'bytes', 'Resident memory of the harness at its highest.', peak_rss_bytes),
    gauge(
      'windtunnel_harness_pause_seconds',
      'seconds',
      'The longest pause of its event loop.',
      inSeconds(loop_delay_ms),
    ),
    gauge(
      'windtunnel_harness_late_seconds',
      'seconds',
      'How late 99 of 100 requests were sent, at most.',
      inSeconds(late_p99_ms),
    ),
    gauge(
      'windtunnel_harness_headroom_ratio',
      'ratio',
      'How many times the requests of this load the harness could have sent from a core of its own.',
      headroom,
    ),
  ];
}

export function gauge(
  name: string,
  unit: Metric['unit'] | null,
  help: string,
  value: number | null | undefined,
): Metric {
  return { name, type: 'gauge', ...(unit ? { unit } : {}), help, samples: [{ value }] };
}
