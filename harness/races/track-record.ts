/**
 * Where each known race is looked for (harness/races/known-races.ts): on a release that has it, on the next one that has
 * not, and on the reference stack with the defect that is modelled on it.
 */
export interface RaceTrial {
  /** A name of `KNOWN_RACES`. */
  readonly race: string;
  readonly scenario: string;
  /** Others that hold its setting: runs of theirs count, too. */
  readonly also: readonly string[];
  /** The release that CI replays, and others that have it. */
  readonly has: readonly [string, ...string[]];
  /** The next release that has not; null where the newest one still has it. */
  readonly has_not: string | null;
  /** Null where no defect of it is this race. */
  readonly reference: string | null;
}

export const TRIALS: readonly RaceTrial[] = [
  {
    race: '#63266',
    scenario: 'race-63266',
    also: ['seeds', 'branches'],
    has: ['airflow@3.1.8'],
    has_not: 'airflow@3.2.1',
    reference: 'reference+skip-unguarded',
  },
  {
    race: '#66734',
    scenario: 'race-66734',
    also: ['seeds', 'storm'],
    has: ['airflow@3.2.1'],
    has_not: 'airflow@3.2.2',
    reference: 'reference+state-lock-joined',
  },
  {
    race: '#63581',
    scenario: 'race-63581',
    also: ['seeds'],
    has: ['airflow@3.2.2'],
    has_not: 'airflow@3.3.2',
    reference: 'reference+rtif-merge',
  },
  {
    race: '#62561',
    scenario: 'race-62561',
    also: ['seeds', 'backfills'],
    has: ['airflow@3.2.1'],
    has_not: 'airflow@3.2.2',
    reference: 'reference+backfill-no-guard',
  },
  {
    race: '#60330',
    scenario: 'race-60330',
    also: ['branches'],
    has: ['airflow@3.1.8'],
    has_not: 'airflow@3.2.1',
    reference: 'reference+schedule-unguarded',
  },
  // The reference stack does as Airflow does here, without a defect switched on.
  { race: '#67238', scenario: 'race-67238', also: [], has: ['airflow@3.3.2'], has_not: null, reference: 'reference' },
  {
    race: '#49889',
    scenario: 'stuck',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: 'reference+requeue-unguarded',
  },
  {
    race: 'heard-again',
    scenario: 'race-heard-again',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: 'reference+silence-not-rechecked',
  },
  {
    race: 'upstream-marked',
    scenario: 'race-upstream-marked',
    also: [],
    has: ['airflow@3.3.2', 'airflow@3.2.2', 'airflow@3.2.1', 'airflow@3.1.8'],
    has_not: null,
    reference: 'reference+running-upstream-failed',
  },
  {
    race: 'taken-as-failure',
    scenario: 'race-taken-as-failure',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'unlocked-clear',
    scenario: 'race-unlocked-clear',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'unlocked-run',
    scenario: 'race-unlocked-run',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'events-unlocked',
    scenario: 'race-events-unlocked',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'dag-rows',
    scenario: 'race-dag-rows',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'marks-deadlock',
    scenario: 'race-marks-deadlock',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'fields-of-deleted',
    scenario: 'race-fields-of-deleted',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'backfills-at-once',
    scenario: 'race-backfills-at-once',
    also: [],
    has: ['airflow@3.3.2'],
    has_not: null,
    reference: null,
  },
  {
    race: 'ranked-queue',
    scenario: 'crowd',
    also: ['branches', 'seeds'],
    has: ['airflow@3.3.2'],
    has_not: null,
    // Its query for what may be queued has no such subquery.
    reference: null,
  },
  {
    race: 'max-active-runs',
    scenario: 'race-max-active-runs',
    also: ['crowd'],
    has: ['airflow@3.3.2', 'airflow@3.2.2'],
    has_not: null,
    // Its max-active-runs-exceeded is a single scheduler that counts wrongly.
    reference: null,
  },
];
