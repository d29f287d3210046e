import type { Verdict } from './verdict.ts';

/** How often each defect is found: what `windtunnel calibrate --json` prints and `records/calibration/` keeps. */
export interface Calibration {
  /** `CALIBRATION_FORMAT` of the writer. */
  readonly format: number;
  readonly started_at: string;
  readonly ended_at: string;
  /** False if it was interrupted: then it holds what was measured until then. */
  readonly complete: boolean;
  readonly windtunnel: string;
  /** The checkout that was measured, as git describes it; null if it is none. */
  readonly commit: string | null;
  readonly node: string;
  readonly machine: { readonly platform: string; readonly arch: string; readonly cpus: number };
  readonly settings: CalibrationSettings;
  readonly defects: readonly DefectFigures[];
  readonly clean: CleanFigures;
  /** Remedies that work are expected to be clean; their runs count as clean runs as well. */
  readonly remedies: readonly RemedyFigures[];
  readonly runs: readonly CalibrationRun[];
}

export const CALIBRATION_FORMAT = 1;

export interface CalibrationSettings {
  readonly seed: number;
  readonly jobs: number;
  /** Of each defect. */
  readonly runs: number;
  /** Without a defect; absent or null: one for every two runs of a defect. */
  readonly clean?: number | null;
  readonly duration_s: number;
  /** What `--defects` named; null: everything there was. */
  readonly defects: readonly string[] | null;
  /** What `--faults` named; absent or null: nothing was broken but what a scenario or a defect asks for. */
  readonly faults?: string | null;
}

/** What calibrating must know of a defect; the reference stack's own files say it. */
export interface Planted {
  readonly name: string;
  readonly kind: 'defect' | 'remedy' | 'circumstance';
  readonly race: string | null;
  readonly summary: string;
  /** Empty for a remedy that cures. */
  readonly caughtBy: readonly string[];
  readonly scenario: string;
  readonly durationS?: number;
  /** What must be broken for it to show, as `--faults` has it. */
  readonly faults?: string;
}

export interface DefectFigures {
  readonly name: string;
  readonly race: string | null;
  readonly summary: string;
  readonly scenario: string;
  readonly duration_s: number;
  /** Runs that came to a verdict; `failed_to_run` is beside them. */
  readonly runs: number;
  /** Runs in which any invariant was broken. */
  readonly found: number;
  /** Wilson, 95 %, for the probability of being found; null without a run. */
  readonly interval: readonly [number, number] | null;
  /** Of the runs that a named invariant found: seconds from the start of the load to its first violation. */
  readonly median_first_violation_s: number | null;
  readonly first_violation_s: { readonly min: number; readonly max: number } | null;
  /** Invariants that were broken, those of most runs first. */
  readonly caught_by: readonly string[];
  readonly caught_by_runs: Readonly<Record<string, number>>;
  /** Invariants that the defect's file names. */
  readonly named: readonly string[];
  /** Runs found by one of the named: fewer than `found` means that the file's list is incomplete. */
  readonly found_by_name: number;
  /** Runs without a violation and with the verdict `unknown`: they count as misses. */
  readonly unknown: number;
  readonly failed_to_run: number;
}

export interface CleanFigures {
  readonly runs: number;
  /** Runs in which any invariant was broken. */
  readonly false_alarms: number;
  /** Wilson, 95 %, for the probability of a false alarm; null without a run. */
  readonly interval: readonly [number, number] | null;
  readonly unknown: number;
  readonly failed_to_run: number;
  /** The violated invariants, and in how many runs. */
  readonly raised_by: Readonly<Record<string, number>>;
  /** What the loads aim at, summed over the runs; absent in results from before it was counted. */
  readonly aims?: AimFigures;
}

/** How much of what a load aims at the run did not exercise enough, or could not judge: what it says nothing about. */
export interface AimFigures {
  readonly judged: number;
  readonly unknown: number;
  /** The invariants, and in how many runs. */
  readonly unknown_by: Readonly<Record<string, number>>;
}

export interface RemedyFigures {
  readonly name: string;
  readonly summary: string;
  readonly runs: number;
  readonly false_alarms: number;
}

/** `found` and `missed` of a defect, `clean` and `false alarm` where nothing may be found. */
export type CalibrationResult = 'found' | 'missed' | 'clean' | 'false alarm' | 'failed to run';

export interface CalibrationRun {
  /** `reference`, or `reference+skip-unguarded`. */
  readonly build: string;
  readonly planted: string | null;
  readonly scenario: string;
  readonly schedulers: number;
  readonly duration_s: number;
  readonly seed: number;
  readonly faults?: string | null;
  readonly result: CalibrationResult;
  readonly verdict: Verdict | null;
  /** Violations of each invariant that was broken. */
  readonly violations: Readonly<Record<string, number>>;
  /** Of a named invariant; of any where none is named. */
  readonly first_violation_s: number | null;
  /** How many invariants the load aims at, and those that the run says nothing about; absent in older results. */
  readonly aims?: number;
  readonly unknown_aims?: readonly string[];
  /** Assumptions that did not hold. */
  readonly doubts: readonly string[];
  readonly harness_cpu_share: number | null;
  readonly tries: number;
  /** Why it failed to run, or null. */
  readonly failure: string | null;
  /** The run folder if it was kept. */
  readonly folder: string | null;
}

/** What is not as it should be: nothing of all this, and the calibration is in order. */
export interface CalibrationFindings {
  /** Measured, and not found once. */
  readonly missed: readonly string[];
  /** Found, but not always by an invariant that its file names. */
  readonly notByName: readonly string[];
  /** Was to be run, and no run of it came to a verdict. */
  readonly unmeasured: readonly string[];
  readonly falseAlarms: number;
  /** Clean runs say nothing about more than one in ten of what their loads aim at. */
  readonly saysLittle: boolean;
  /** Whether this ends in exit code 1. */
  readonly bad: boolean;
}
