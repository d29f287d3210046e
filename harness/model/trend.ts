import type { Verdict } from './verdict.ts';

/** Of the document that `windtunnel trend --json` prints. */
export const TREND_FORMAT = 1;

/** What nights of load found and measured, night by night, and where that changed. Documented in docs/trend.md. */
export interface NightlyTrend {
  readonly format: number;
  /** One for each scenario: what another one finds, and how often, is another matter. */
  readonly scenarios: readonly ScenarioTrend[];
  /** How many series are long enough to be tested: the p value of each is multiplied by it (Bonferroni). */
  readonly tested: number;
  /** Runs and soaks that are not in it, each with the reason, in a sentence. */
  readonly left_out: readonly string[];
}

export interface ScenarioTrend {
  readonly scenario: string;
  /** In the order of time. */
  readonly nights: readonly Night[];
  readonly series: readonly TrendSeries[];
}

/** A soak, or the single runs of one build on one day (UTC). */
export interface Night {
  /** Start of its first run, ISO 8601. */
  readonly at: string;
  /** The soak, or its first run, as named on the command line. */
  readonly folder: string;
  readonly build: string;
  /** What of the build, the machine and windtunnel is not as in the night before: `airflow 3.3.1 → 3.3.2`. */
  readonly changed: readonly string[];
  readonly verdict: Verdict;
  /** Judged runs or windows, and how many of them count: all their assumptions hold. */
  readonly runs: number;
  readonly valid: number;
  /** Seconds of load of those that count. */
  readonly load_s: number;
}

export interface TrendSeries {
  /** `latency.heartbeat.p95_ms`, `http_409_per_min`; of a finding its fingerprint. */
  readonly name: string;
  readonly kind: 'finding' | 'measure';
  /** Of a finding. */
  readonly title: string | null;
  readonly known_race: string | null;
  /**
   * By night; null where it was not measured. A finding: occurrences a minute of load. Measures: medians of the
   * night's runs, or what occurred a minute.
   */
  readonly values: readonly (number | null)[];
  readonly changes: readonly TrendChange[];
  /** `too few nights`: no change could be significant. */
  readonly tested: 'tested' | 'too few nights';
}

export interface TrendChange {
  /** The first night of the new level: an index into `nights`. */
  readonly night: number;
  readonly before: number;
  readonly after: number;
  /** Corrected for all series. */
  readonly p_value: number;
  /** What changed since the last night of the old level that has a value. */
  readonly changed: readonly string[];
}
