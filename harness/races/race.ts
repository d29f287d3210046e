import type { SourcePlace } from '../model/airflow/source.ts';
import type { Scenario } from '../model/scenario.ts';

/**
 * A race in Airflow that has a name: how a finding is recognized as this race, and how the track record looks for it.
 */
export interface KnownRace {
  /** The issue's number (`#63266`), or a name of ours if it is not reported. */
  readonly name: string;
  /** The URL of the report; null if there is none. */
  readonly reported: string | null;
  readonly found_by: 'reported from production' | 'found by windtunnel';
  /** What a user sees, in one sentence without a full stop. */
  readonly title: string;
  /** The variants of violations that are this race. The first invariant is the one that shows it most directly. */
  readonly marks: readonly RaceMark[];
  /** Null: no scenario shows it often enough to measure it. */
  readonly trial: RaceTrial | null;
  /** The build of the reference stack that has it; null if there is none. */
  readonly reference: string | null;
  /** Further defects and remedies of the reference stack that belong to this race. */
  readonly related?: readonly string[];
  /** Where its script is played, if it has one and no trial says where the race is. */
  readonly script_on?: ScriptBuilds;
  /** Where in Airflow's source the statements are that meet. A release without the race may have them not. */
  readonly places?: readonly SourcePlace[];
  /** For the track record: in what a setting of ours differs from that of the report. Whole sentences. */
  readonly differs?: string;
}

export interface RaceMark {
  readonly invariant: string;
  /** Null: every variant of the invariant. */
  readonly variants: readonly string[] | null;
}

/** Where the race is looked for. */
export interface RaceTrial {
  readonly scenario: Scenario;
  /** Names of other scenarios with the same setting: their runs count as well. */
  readonly also?: readonly string[];
  /** Builds that have the race; CI replays the first. */
  readonly has: readonly [string, ...string[]];
  /** The next release, which does not have it, or the one before the first that has it; null if there is neither. */
  readonly has_not: string | null;
}

export interface ScriptBuilds {
  /** A build that has the race. */
  readonly has: string;
  /** One that has it not; null if there is none. */
  readonly has_not: string | null;
}

/** Where the script of a race is played; null where that is not known. */
export function scriptBuilds({ trial, script_on }: KnownRace): ScriptBuilds | null {
  return script_on ?? (trial && { has: trial.has[0], has_not: trial.has_not });
}

type Origin = Pick<KnownRace, 'name' | 'reported' | 'found_by'>;

export const reported = (issue: number): Origin => ({
  name: `#${issue}`,
  reported: `https://github.com/apache/airflow/issues/${issue}`,
  found_by: 'reported from production',
});

export const unreported = (name: string): Origin => ({ name, reported: null, found_by: 'found by windtunnel' });
