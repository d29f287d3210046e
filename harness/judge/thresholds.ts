import { isRecord } from '../model/json.ts';
import type { ThresholdResult, Verdict } from '../model/verdict.ts';
import { literal } from '../run-folder/files.ts';
import type { OpenRun } from './open-run.ts';

/**
 * Thresholds in k6's syntax over what a run recorded. As in k6, a counter gives `count` and `rate`, a trend `avg`,
 * `min`, `max`, `med` and `p(N)`. One difference, because it is what people mean: the rate of an `http_*` counter of
 * answers is its share of the requests, like k6's own `http_req_failed`, and not a number per second.
 */
type Kind = 'counter' | 'share' | 'trend';

interface Metric {
  readonly kind: Kind;
  /** Which operations it counts, or null for those taken from the run's counts. */
  readonly where: string | null;
}

interface Threshold {
  readonly metric: string;
  readonly expression: string;
  readonly name: string;
  readonly tags: readonly (readonly [string, string])[];
  readonly aggregate: string;
  readonly comparison: string;
  readonly limit: number;
}

const OPERATION_METRICS: Record<string, Metric> = {
  http_reqs: { kind: 'counter', where: 'true' },
  http_req_failed: { kind: 'share', where: "outcome <> 'ok'" },
  http_req_duration: { kind: 'trend', where: 'ended_ms IS NOT NULL' },
  http_404: { kind: 'share', where: 'status = 404' },
  http_409: { kind: 'share', where: 'status = 409' },
  http_410: { kind: 'share', where: 'status = 410' },
  http_5xx: { kind: 'share', where: 'status >= 500' },
  unknown: { kind: 'share', where: "outcome = 'unknown'" },
  refused: { kind: 'share', where: "outcome = 'refused'" },
};

/** Taken from the counts of the judgement: one number each, without tags. */
const COUNTED = [
  'operations',
  'ok',
  'deadlocks',
  'violations',
  'lives',
  'lives_reported',
  'commits',
  'task_instances_finished',
  'dag_runs',
  'backfills',
];

const TAG_COLUMNS: Record<string, string> = { operation: 'kind', status: 'status', outcome: 'outcome', actor: 'actor' };
const AGGREGATES: Record<Kind, RegExp> = {
  counter: /^(count|rate)$/,
  share: /^(count|rate)$/,
  trend: /^(avg|min|max|med|p\(\d{1,2}(\.\d+)?\)|p\(100\))$/,
};
const EXPRESSION = /^\s*(count|rate|value|avg|min|max|med|p\([\d.]+\))\s*(<=|>=|<|>|===?|!=)\s*(-?\d+(?:\.\d+)?)\s*$/;

/** All that is wrong with these thresholds, a sentence each; empty if nothing is. */
export function validateThresholds(thresholds: unknown): string[] {
  return parseThresholds(thresholds).problems;
}

export async function judgeThresholds(
  run: OpenRun,
  counts: Readonly<Record<string, number>>,
  loadSeconds: number,
): Promise<ThresholdResult[]> {
  // What `run` refuses before it starts, a stored manifest should not hold; here it is ignored rather than judged.
  const { parsed } = parseThresholds(run.manifest.plan.scenario.thresholds ?? {});
  const results: ThresholdResult[] = [];
  // Without its database a stack of any build is slow and answers errors.
  const wasThere = await run.isEmpty('database_outages');
  for (const threshold of parsed) {
    const value = await measure(run, threshold, counts, loadSeconds);
    const verdict: Verdict =
      value === null ? 'unknown' : holds(value, threshold) ? 'pass' : wasThere ? 'fail' : 'unknown';
    results.push({ metric: threshold.metric, expression: threshold.expression, verdict, value });
  }
  return results;
}

function parseThresholds(thresholds: unknown): { parsed: Threshold[]; problems: string[] } {
  const parsed: Threshold[] = [];
  const problems: string[] = [];
  if (!isRecord(thresholds)) return { parsed, problems: ['Thresholds are an object of metric: [expressions].'] };
  for (const [metric, expressions] of Object.entries(thresholds)) {
    const { name = '', tagText } = /^(?<name>[^{]*)(?:\{(?<tagText>.*)\})?$/s.exec(metric)?.groups ?? {};
    const tags = (tagText ?? '').split(',').filter(Boolean).map(tagOf);
    const problem = problemOfMetric(metric, name, tags);
    if (problem) problems.push(problem);
    if (!Array.isArray(expressions)) {
      problems.push(`The threshold ${metric} must be a list of expressions, such as ['count<1'].`);
      continue;
    }
    for (const given of expressions) {
      const expression: unknown = isRecord(given) ? given.threshold : given;
      const found = typeof expression === 'string' ? EXPRESSION.exec(expression) : null;
      const [, aggregate = '', comparison = '', limit = ''] = found ?? [];
      if (typeof expression !== 'string' || !found) {
        problems.push(`The threshold ${metric}: ${JSON.stringify(given)} is not understood: write such as 'count<1'.`);
      } else if (!problem && !AGGREGATES[kindOf(name)].test(aggregate)) {
        problems.push(`The threshold ${metric}: ${name} has no ${aggregate}: it is a ${kindOf(name)}.`);
      } else if (!problem) {
        parsed.push({ metric, expression, name, tags, aggregate, comparison, limit: Number(limit) });
      }
    }
  }
  return { parsed, problems };
}

function tagOf(text: string): readonly [string, string] {
  const [name = '', ...value] = text.split(':');
  return [name.trim(), value.join(':').trim()];
}

function problemOfMetric(metric: string, name: string, tags: Threshold['tags']): string | null {
  if (!isOperationMetric(name) && !isCounted(name)) {
    const known = [...Object.keys(OPERATION_METRICS), ...COUNTED].join(', ');
    return `The threshold ${metric}: there is no metric "${name}"; there are ${known}, and http_409_<operation>.`;
  }
  if (tags.length > 0 && !isOperationMetric(name)) return `The threshold ${metric}: ${name} has no tags.`;
  const unknown = tags.find(([tag, value]) => !Object.hasOwn(TAG_COLUMNS, tag) || value === '');
  const tagNames = Object.keys(TAG_COLUMNS).join(', ');
  return unknown ? `The threshold ${metric}: "${unknown[0]}" is no tag; there are ${tagNames}.` : null;
}

function isOperationMetric(name: string): boolean {
  return Object.hasOwn(OPERATION_METRICS, name);
}

function isCounted(name: string): boolean {
  return COUNTED.includes(name) || /^http_(409|5xx)_[a-z_]+$/.test(name);
}

function kindOf(name: string): Kind {
  return OPERATION_METRICS[name]?.kind ?? 'counter';
}

async function measure(
  run: OpenRun,
  { name, tags, aggregate }: Threshold,
  counts: Readonly<Record<string, number>>,
  loadSeconds: number,
): Promise<number | null> {
  const metric = OPERATION_METRICS[name];
  if (!metric?.where) {
    const count = counts[name];
    if (count === undefined || (name === 'deadlocks' && (await areInDoubt(run)))) return null;
    return aggregate === 'count' ? count : loadSeconds > 0 ? count / loadSeconds : null;
  }
  const tagged = tags.map(([tag, value]) => `CAST(${TAG_COLUMNS[tag]} AS VARCHAR) = ${literal(value)}`).join(' AND ');
  const matched = `FILTER (${metric.where})`;
  const sql: Record<Kind, string> = {
    counter: aggregate === 'count' ? 'count(*)' : `count(*) / nullif(${loadSeconds}, 0)`,
    share: aggregate === 'count' ? `count(*) ${matched}` : `count(*) ${matched} / nullif(count(*), 0)`,
    trend: `${trendSql(aggregate)} ${matched}`,
  };
  const { value } = await run.row(
    `SELECT (${sql[metric.kind]})::DOUBLE AS value FROM operations WHERE ${tagged || true}`,
  );
  return typeof value === 'number' ? value : null;
}

/** On a target they may be of others: then their number is not known. */
async function areInDoubt(run: OpenRun): Promise<boolean> {
  return (await run.rows('FROM deadlocks_in_doubt')).length > 0;
}

function trendSql(aggregate: string): string {
  // From the intended start: a request that had to wait for a connection was late for its user, too.
  const duration = 'ended_ms - intended_ms';
  if (aggregate === 'med') return `median(${duration})`;
  const percentile = /^p\((.+)\)$/.exec(aggregate)?.[1];
  return percentile ? `quantile_cont(${duration}, ${Number(percentile) / 100})` : `${aggregate}(${duration})`;
}

function holds(value: number, { comparison, limit }: Threshold): boolean {
  switch (comparison) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '!=':
      return value !== limit;
    default:
      return value === limit;
  }
}
