import type { FaultEffect, HarnessCost, OverTime, Phase, Series, SeriesMetric } from '../model/over-time.ts';
import type { Cell, OpenRun, Row } from './open-run.ts';
import { numberOrNull } from './summary.ts';

/** Past these a list is no longer read; the view `fault_effects` has them all. */
const MOST_FAULTS = 500;
/** A page must not grow with how many processes a stack has. */
const MOST_SERIES = 64;
/** Nothing of these happened in a step that has no row; of the others nothing is known. */
const COUNTED: readonly SeriesMetric[] = ['requests_per_s', 'events'];

export async function readOverTime(run: OpenRun): Promise<OverTime> {
  const { from_ms, step_ms, steps, load_ended_ms } = await run.row('FROM time_steps');
  const rows = await run.rows(
    'SELECT metric, "of", list([step, value]) AS points FROM over_time GROUP BY ALL ORDER BY ALL',
  );
  const length = Number(steps ?? 1);
  return {
    from_ms: Number(from_ms ?? 0),
    step_ms: Number(step_ms ?? 1_000),
    steps: length,
    load_ended_ms: Number(load_ended_ms ?? 0),
    series: rows.slice(0, MOST_SERIES).map((row) => seriesOf(row, length)),
  };
}

function seriesOf({ metric, of, points }: Row, length: number): Series {
  const name = metric as SeriesMetric;
  const values: (number | null)[] = Array.from({ length }, () => (COUNTED.includes(name) ? 0 : null));
  for (const point of Array.isArray(points) ? points : []) {
    const [step, value] = Array.isArray(point) ? point : [];
    if (typeof step === 'number' && typeof value === 'number') values[step] = rounded(value);
  }
  return { metric: name, of: String(of), values };
}

/** Finer than a pixel, and short to write down. */
function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}

export async function readFaultEffects(run: OpenRun): Promise<FaultEffect[]> {
  const rows = await run.rows(`FROM fault_effects ORDER BY opened_ms, "window", fault, victim LIMIT ${MOST_FAULTS}`);
  return rows.map((row) => ({
    window: Number(row.window),
    fault: String(row.fault),
    victim: String(row.victim),
    opened_ms: Number(row.opened_ms),
    closed_ms: numberOrNull(row, 'closed_ms'),
    detail: row.detail === null || row.detail === undefined ? null : String(row.detail),
    others_before: row.others_before === true,
    before: phaseOf(row.before),
    during: phaseOf(row.during),
    after: phaseOf(row.after),
    recovered_ms: numberOrNull(row, 'recovered_ms'),
  }));
}

function phaseOf(cell: Cell | undefined): Phase | null {
  if (cell === null || typeof cell !== 'object' || Array.isArray(cell)) return null;
  const row = cell as Row;
  const number = (name: string) => rounded(Number(row[name] ?? 0));
  const known = (name: string) => {
    const value = numberOrNull(row, name);
    return value === null ? null : rounded(value);
  };
  return {
    seconds: number('seconds'),
    ok_per_s: number('ok_per_s'),
    refused_per_s: number('refused_per_s'),
    unknown_per_s: number('unknown_per_s'),
    p95_ms: known('p95_ms'),
    live: known('live'),
  };
}

export async function readHarnessCost(run: OpenRun, cpuShare: number | null): Promise<HarnessCost> {
  const row = await run.row(`
    WITH readings AS (FROM samples, load SELECT samples.* WHERE at_ms BETWEEN load_started_ms AND load_ended_ms)
    SELECT
      (SELECT max(value) - min(value) FROM readings WHERE source = 'harness' AND metric = 'cpu_s') AS cpu_s,
      (SELECT max(value) FROM readings WHERE source = 'harness' AND metric = 'rss_bytes') AS peak_rss_bytes,
      (SELECT max(value) FROM readings WHERE source = 'harness' AND metric = 'loop_delay_ms') AS loop_delay_ms,
      (SELECT max(value) FROM readings WHERE metric = 'commit_lag_ms') AS commit_lag_ms,
      (SELECT max(value) FROM readings WHERE metric = 'gc_pause_ms') AS gc_pause_ms,
      (SELECT sum(value) FROM readings WHERE source = 'harness' AND metric = 'cpu_wait_ms')
        / nullif(load_ended_ms - load_started_ms, 0) AS cpu_wait_share,
      (SELECT max(value) FROM readings WHERE metric = 'recorder_behind_ms') AS recorder_behind_ms,
      (SELECT max(value) FROM readings WHERE metric = 'connections_waiting') AS connections_waiting,
      (SELECT max(value) FILTER (metric = 'ports_in_use') / nullif(max(value) FILTER (metric = 'ports'), 0)
        FROM readings) AS ports_share,
      late.*
    FROM load, (
      SELECT quantile_cont(sent_ms - intended_ms, 0.99) AS late_p99_ms, max(sent_ms - intended_ms) AS late_max_ms
      FROM operations, load WHERE intended_ms BETWEEN load_started_ms AND load_ended_ms
    ) AS late`);
  return {
    cpu_share: cpuShare,
    cpu_s: numberOrNull(row, 'cpu_s'),
    peak_rss_bytes: numberOrNull(row, 'peak_rss_bytes'),
    loop_delay_ms: numberOrNull(row, 'loop_delay_ms'),
    late_p99_ms: numberOrNull(row, 'late_p99_ms'),
    late_max_ms: numberOrNull(row, 'late_max_ms'),
    commit_lag_ms: numberOrNull(row, 'commit_lag_ms'),
    gc_pause_ms: numberOrNull(row, 'gc_pause_ms'),
    cpu_wait_share: numberOrNull(row, 'cpu_wait_share'),
    recorder_behind_ms: numberOrNull(row, 'recorder_behind_ms'),
    connections_waiting: numberOrNull(row, 'connections_waiting'),
    ports_share: numberOrNull(row, 'ports_share'),
  };
}
