import type { Drift, SoakWindow } from '../model/soak.ts';
import { holm, median } from '../statistics/statistics.ts';
import { type Reading, trendOf } from '../statistics/trend.ts';

const LEVEL = 0.05;
const HOUR_MS = 3_600_000;

/** How many windows of a session are warm-up (caches fill, code is compiled): a tenth, at least one. */
export function warmUp(windows: number): number {
  return Math.max(1, Math.ceil(windows / 10));
}

/**
 * The trend of each metric over the completed windows. Sessions are not compared with each other: a restart is not
 * drift.
 */
export function driftOf(windows: readonly SoakWindow[]): Drift[] {
  const completed = windows.filter(({ ended }) => ended === 'completed');
  const sessions = [...new Set(completed.map(({ session }) => session))].map((session) => {
    const all = completed.filter((window) => window.session === session);
    return all.slice(warmUp(all.length));
  });
  const metrics = [...new Set(sessions.flat().flatMap(({ readings }) => Object.keys(readings)))].sort();
  const trends = metrics.map((metric) => {
    const series = sessions.map((session) => seriesOf(session, metric));
    return { metric, series, trend: trendOf(series) };
  });
  // A series too short to show any trend is not tested, and must not make the correction of the others stricter.
  const tested = trends.filter(({ trend }) => trend.least_p < LEVEL);
  const corrected = holm(tested.map(({ trend }) => trend.p_value));
  return trends.map(({ metric, series, trend: { readings, per_hour } }) => {
    const p_value = corrected[tested.findIndex((one) => one.metric === metric)] ?? null;
    const middle = median(series.flat().map(({ value }) => value));
    const change = per_hour === null || !middle ? null : (per_hour * hoursOf(series)) / Math.abs(middle);
    return { metric, windows: readings, per_hour, change, p_value, trend: wordOf(p_value, per_hour) };
  });
}

function wordOf(pValue: number | null, perHour: number | null): Drift['trend'] {
  if (pValue === null || perHour === null) return 'too few windows';
  if (pValue >= LEVEL || perHour === 0) return 'none seen';
  return perHour > 0 ? 'rises' : 'falls';
}

function seriesOf(windows: readonly SoakWindow[], metric: string): Reading[] {
  return windows.flatMap(({ readings, started_at }) => {
    const value = readings[metric];
    return value === undefined ? [] : [{ hours: Date.parse(started_at) / HOUR_MS, value }];
  });
}

/** From the first to the last reading of each series. */
function hoursOf(series: readonly (readonly Reading[])[]): number {
  return series.reduce((sum, one) => sum + (one.at(-1)?.hours ?? 0) - (one[0]?.hours ?? 0), 0);
}
