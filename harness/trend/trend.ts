import type { Manifest } from '../model/manifest.ts';
import { readingsOf } from '../model/readings.ts';
import { type Night, type NightlyTrend, type ScenarioTrend, TREND_FORMAT, type TrendSeries } from '../model/trend.ts';
import type { Judgement, Verdict } from '../model/verdict.ts';
import { changePoints, leastP } from '../statistics/change-points.ts';
import { median } from '../statistics/statistics.ts';
import { differences } from './differences.ts';

/** For all series of the page together. */
const LEVEL = 0.05;

export interface RunOfNight {
  readonly folder: string;
  readonly manifest: Pick<Manifest, 'build' | 'identity' | 'windtunnel' | 'machine' | 'started_at'>;
  readonly judged: Pick<
    Judgement,
    'build' | 'scenario' | 'verdict' | 'load_seconds' | 'findings' | 'latency' | 'measures' | 'harness' | 'counts'
  >;
  /** It came to its end, and its assumptions hold: only then its numbers count. */
  readonly isValid: boolean;
}

/** The judged runs of a night, at least one, all of one scenario and build. */
export interface NightRuns {
  readonly at: string;
  readonly folder: string;
  readonly scenario: string;
  /** Of its first run. */
  readonly manifest: RunOfNight['manifest'];
  readonly runs: readonly RunOfNight[];
}

/** `nights` in the order of time. */
export function buildTrend(nights: readonly NightRuns[], leftOut: readonly string[]): NightlyTrend {
  const scenarios = [...new Set(nights.map(({ scenario }) => scenario))].sort().map((scenario) => {
    const own = nights.filter((night) => night.scenario === scenario);
    return { scenario, own, series: [...findingSeries(own), ...measureSeries(own)] };
  });
  // A series too short to show any change is not tested, and must not make the correction of the others stricter.
  const tested = scenarios.flatMap(({ series }) => series).filter((one) => leastP(valuesOf(one).length) < LEVEL).length;
  return {
    format: TREND_FORMAT,
    tested,
    scenarios: scenarios.map(({ scenario, own, series }): ScenarioTrend => {
      const searched = series.map((one) => withChanges(one, own, tested));
      return { scenario, nights: own.map((night, i) => nightOf(night, own[i - 1])), series: searched };
    }),
    left_out: leftOut,
  };
}

type Unsearched = Omit<TrendSeries, 'changes' | 'tested'>;

function nightOf(night: NightRuns, before: NightRuns | undefined): Night {
  const { at, folder, manifest, runs } = night;
  const valid = validRuns(night);
  return {
    at,
    folder,
    build: manifest.build,
    changed: before === undefined ? [] : differences(before.manifest, manifest),
    verdict: worst(runs.map(({ judged }) => judged.verdict)),
    runs: runs.length,
    valid: valid.length,
    load_s: loadOf(valid),
  };
}

function worst(verdicts: readonly Verdict[]): Verdict {
  return (['fail', 'unknown'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'pass';
}

/** One for each finding of a run that counts, the most frequent first. */
function findingSeries(nights: readonly NightRuns[]): Unsearched[] {
  const all = nights.flatMap(validRuns).flatMap(({ judged }) => judged.findings);
  const series = [...new Map(all.map((finding) => [finding.fingerprint, finding])).values()].map(
    ({ fingerprint, title, known_race }): Unsearched => ({
      name: fingerprint,
      kind: 'finding',
      title,
      known_race,
      values: nights.map((night) =>
        perMinute(night, ({ findings }) =>
          findings.reduce((sum, one) => sum + (one.fingerprint === fingerprint ? one.occurrences : 0), 0),
        ),
      ),
    }),
  );
  const total = ({ values }: Unsearched) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  return series.sort((a, b) => total(b) - total(a));
}

function measureSeries(nights: readonly NightRuns[]): Unsearched[] {
  const counted = Object.entries({
    requests_per_min: 'operations',
    http_409_per_min: 'http_409',
    http_5xx_per_min: 'http_5xx',
    deadlocks_per_min: 'deadlocks',
  }).map(([name, key]) => ({
    name,
    values: nights.map((night) => perMinute(night, ({ counts }) => counts[key] ?? 0)),
  }));
  const readings = nights.map((night) => validRuns(night).map(({ judged }) => readingsOf(judged)));
  // Deadlocks are among the counts.
  const names = new Set(readings.flat().flatMap((one) => Object.keys(one)));
  names.delete('stack.deadlocks_per_s');
  const read = [...names].sort().map((name) => ({
    name,
    values: readings.map((runs) => median(runs.flatMap((one) => one[name] ?? []))),
  }));
  return [...counted, ...read].map((one) => ({ ...one, kind: 'measure', title: null, known_race: null }));
}

function perMinute(night: NightRuns, of: (judged: RunOfNight['judged']) => number): number | null {
  const valid = validRuns(night);
  const load = loadOf(valid);
  return load > 0 ? (60 * valid.reduce((sum, { judged }) => sum + of(judged), 0)) / load : null;
}

function validRuns({ runs }: NightRuns): RunOfNight[] {
  return runs.filter(({ isValid }) => isValid);
}

function loadOf(runs: readonly RunOfNight[]): number {
  return runs.reduce((sum, { judged }) => sum + judged.load_seconds, 0);
}

function valuesOf({ values }: Unsearched): { readonly value: number; readonly night: number }[] {
  return values.flatMap((value, night) => (value === null ? [] : [{ value, night }]));
}

function withChanges(series: Unsearched, nights: readonly NightRuns[], tested: number): TrendSeries {
  const known = valuesOf(series);
  const level = LEVEL / Math.max(1, tested);
  if (leastP(known.length) >= level) return { ...series, changes: [], tested: 'too few nights' };
  const found = changePoints(
    known.map(({ value }) => value),
    level,
  );
  const changes = found.map(({ at, before, after, p_value }) => {
    const night = known[at]?.night ?? 0;
    const [old, now] = [nights[known[at - 1]?.night ?? 0], nights[night]];
    const changed = old && now ? differences(old.manifest, now.manifest) : [];
    return { night, before, after, p_value: Math.min(1, p_value * tested), changed };
  });
  return { ...series, changes, tested: 'tested' };
}
