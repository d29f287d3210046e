import { listed } from '../harness/model/listed.ts';
import type { ScenarioTrend, TrendChange, TrendSeries } from '../harness/model/trend.ts';
import { bytes, counted, milliseconds, percent, pValue } from './words.ts';

/** What every format of a trend says in the same words. */

const NAMES: Readonly<Record<string, string>> = {
  requests_per_min: 'requests',
  http_409_per_min: '409 responses',
  http_5xx_per_min: '5xx responses',
  deadlocks_per_min: 'deadlocks',
  'stack.memory_bytes': 'memory of Airflow’s processes',
  'stack.lock_waits': 'backends that wait for a lock',
  'stack.cpu_s_per_task': 'CPU of the stack per task',
  'stack.tasks_per_s': 'tasks per second',
  'harness.cpu_share': 'CPU of windtunnel',
  'harness.late_p99_ms': 'lateness of windtunnel, p99',
  'harness.loop_delay_ms': 'event-loop delay of windtunnel',
};

/** `latency of heartbeat, p95`; of a finding its name. */
export function trendName({ kind, name, title, known_race }: TrendSeries): string {
  if (kind === 'finding') return [known_race, title ?? name].filter((part) => part !== null).join(' ');
  const [, request] = /^latency\.(.+)\.p95_ms$/.exec(name) ?? [];
  return request === undefined ? (NAMES[name] ?? name) : `latency of ${request.replaceAll('_', ' ')}, p95`;
}

/** With its unit: `3.2/min`, `41 ms`, `1.1 GB`. */
export function trendAmount({ kind, name }: Pick<TrendSeries, 'kind' | 'name'>, value: number): string {
  if (kind === 'finding' || name.endsWith('_per_min'))
    return `${Number(value.toPrecision(3)).toLocaleString('en-US')}/min`;
  if (name.endsWith('_ms')) return `${milliseconds(value)} ms`;
  if (name.endsWith('_bytes')) return bytes(value);
  if (name.endsWith('_share')) return percent(value);
  if (name.endsWith('cpu_s_per_task')) return `${Number(value.toPrecision(3))} s`;
  return `${Number(value.toPrecision(3))}`;
}

/** The day on which a night began, UTC. */
export function dayOf({ at }: { readonly at: string }): string {
  return at.slice(0, 10);
}

export interface NamedChange {
  readonly series: TrendSeries;
  readonly change: TrendChange;
  readonly day: string;
  /** `rose`, `fell`; of what was not there at all: `appeared`, `disappeared`. */
  readonly verb: string;
  /** `41 ms → 62 ms`. */
  readonly amounts: string;
  /** What else changed then, in words. */
  readonly beside: string;
}

/** All changes of a scenario, the newest first. */
export function changesOf({ series, nights }: ScenarioTrend): NamedChange[] {
  const all = series.flatMap((one) =>
    one.changes.map((change) => ({
      series: one,
      change,
      day: dayOf(nights[change.night] ?? { at: '' }),
      verb: verbOf(change),
      amounts: `${trendAmount(one, change.before)} → ${trendAmount(one, change.after)}`,
      beside: change.changed.length === 0 ? 'nothing that is recorded of build and machine' : listed(change.changed),
    })),
  );
  return all.sort((a, b) => b.change.night - a.change.night);
}

function verbOf({ before, after }: TrendChange): string {
  if (before === 0) return 'appeared';
  if (after === 0) return 'disappeared';
  return after > before ? 'rose' : 'fell';
}

export function changeSentence({ series, change, day, verb, amounts, beside }: NamedChange): string {
  const what = trendName(series);
  return `${what} ${verb}: ${amounts} from ${day} on (${pValue(change.p_value)}); changed then: ${beside}`;
}

/** `21 nights, 2026-11-01 to 2026-11-21`. */
export function nightsSentence({ nights }: ScenarioTrend): string {
  const [first, last] = [nights[0], nights.at(-1)];
  if (first === undefined || last === undefined) return 'no nights';
  const days = nights.length === 1 ? dayOf(first) : `${dayOf(first)} to ${dayOf(last)}`;
  return `${counted(nights.length, 'night')}, ${days}`;
}

/** What of it was not looked at, or not as it should be: sentences. */
export function trendCaveats({ series, nights }: ScenarioTrend): string[] {
  const short = series.filter(({ tested }) => tested === 'too few nights');
  const builds = new Set(nights.map(({ build }) => build));
  const switches = nights.filter(({ build }, i) => i > 0 && build !== nights[i - 1]?.build).length;
  const doubtful = nights.filter(({ valid }) => valid === 0).length;
  return [
    ...(short.length === 0
      ? []
      : [`${counted(short.length, 'series has', 'series have')} too few nights: no change could be significant yet.`]),
    ...(doubtful === 0
      ? []
      : [`${counted(doubtful, 'night has', 'nights have')} no run of which all assumptions hold.`]),
    ...(switches > builds.size
      ? [`${builds.size} builds take turns: look at one at a time with --build, or their differences look like noise.`]
      : []),
  ];
}
