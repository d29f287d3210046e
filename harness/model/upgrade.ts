import type { Finding } from './finding.ts';
import type { Plan } from './scenario.ts';
import type { Judgement, Verdict } from './verdict.ts';

/** Of `upgrade.json`. */
export const UPGRADE_FORMAT = 1;

export const PHASES = ['before', 'wave', 'ordinary'] as const;
export type UpgradePhaseName = (typeof PHASES)[number];

/**
 * `upgrade.json`: load on one build, the migration of its database, and load on another build that continues the
 * same DAG runs. Each phase of load is a run folder. Documented in docs/upgrade.md.
 */
export interface Upgrade {
  readonly format: number;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Of the whole; a phase has its own duration, seed and faults. */
  readonly plan: Plan;
  readonly started_at: string;
  readonly state: 'running' | 'completed' | 'interrupted' | 'failed';
  /** Why it ended before its time, or null. */
  readonly why: string | null;
  /** Of the new build: of the phases after the migration. */
  readonly verdict: Verdict;
  readonly phases: readonly UpgradePhase[];
  /** Null until the first build's load has ended. */
  readonly migration: Migration | null;
}

export interface UpgradePhase {
  readonly name: UpgradePhaseName;
  readonly build: string;
  /** The run folder, relative to the upgrade's. */
  readonly folder: string;
  readonly started_at: string;
  /** Null while it lasts. */
  readonly ended: 'completed' | 'interrupted' | 'stack-failed' | null;
  /** At its end; null if the database could not be asked. */
  readonly left: WorkLeft | null;
  /** Null until it is judged. */
  readonly judged: JudgedPhase | null;
}

/** What is in the database between two phases. */
export interface WorkLeft {
  readonly unfinished_runs: number;
  /** Of these runs: how many have no task of the newest version of their DAG. */
  readonly runs_of_older_versions: number;
  /** Task instances of these runs by state; `none` has no state yet. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Versions of all DAGs so far. */
  readonly dag_versions: number;
}

export interface JudgedPhase {
  readonly verdict: Verdict;
  /** Violations by invariant. */
  readonly broken: Readonly<Record<string, number>>;
  /** Why the phase is in doubt: its failed assumptions. */
  readonly doubts: readonly string[];
  /** Invariants that the scenario aims at: exercised and not violated; and not exercised. */
  readonly kept: readonly string[];
  readonly untested: readonly string[];
  readonly findings: readonly Pick<Finding, 'fingerprint' | 'title' | 'known_race' | 'occurrences'>[];
  readonly load_s: number;
  readonly counts: Judgement['counts'];
}

export interface Migration {
  /** From the end of the first build's record to the beginning of the second's: nothing is recorded in between. */
  readonly gap: { readonly from: string; readonly to: string | null };
  /** How long the processes of the first build took to end, seconds. */
  readonly stop_s: number;
  /** How long the command took, seconds; null where the build has none. */
  readonly migrate_s: number | null;
  /** How it ended: `ended with code 0`. */
  readonly how: string | null;
  /** The last lines that it printed. */
  readonly said: readonly string[];
  /** Its log, relative to the upgrade's folder. */
  readonly log: string | null;
  /** Alembic's revision before and after; null where the database has none. */
  readonly revision: { readonly from: string | null; readonly to: string | null };
  /** From the start of the second build's processes until all of them answer, seconds; null if they did not. */
  readonly start_s: number | null;
}
