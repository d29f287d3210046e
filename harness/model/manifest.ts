import { z } from 'zod';

import { PLAN, type Plan } from './scenario.ts';
import { maybe, number, text, whole } from './schema.ts';

/** `manifest.json`: written before the first request, completed when the run ends. */
export interface Manifest {
  /** `RUN_FORMAT` of the writer. */
  readonly format: number;
  readonly id: string;
  /** `airflow@3.2.1`, `airflow@3.1.8+60330-guard:1a2b3c4`, or `target` for a stack that the harness did not start. */
  readonly build: string;
  /** Versions as the stack reports them: airflow, postgres, python, the hash of the installed packages. */
  readonly identity: Readonly<Record<string, string>>;
  /**
   * What was changed in the packages of the build, in this order; `file` is the patch, in the run folder. Absent: none.
   */
  readonly patches?: readonly { readonly name: string; readonly sha256: string; readonly file: string }[];
  readonly plan: Plan;
  readonly windtunnel: string;
  readonly node: string;
  readonly machine: {
    readonly platform: string;
    readonly arch: string;
    readonly cpus: number;
    readonly memory_bytes: number;
  };
  /** Wall clock at 0 ms of the run's clock, ISO 8601. */
  readonly started_at: string;
  /** Who played the lives: `native`, or which k6 with how many VUs. Absent in records of before there was a choice. */
  readonly engine?: string;
  /** Names of the user's own invariants with which it was judged (`--invariants`); absent: none. */
  readonly own_invariants?: readonly string[];
  /** The command that repeats the run. */
  readonly repeat: string;
  /** A target: not all that happens in its database is of the run. Absent in records of before it was noted. */
  readonly used_by_others?: boolean;
  /** A phase of an upgrade: DAG runs of the phase before continue, and how they began is not in this record. */
  readonly continues?: boolean;
  /**
   * Whether each try of a task has a row of its own, to which its rendered fields and results belong, as from Airflow
   * 3.4 on; before, a retry gave the one row a new id. Absent in records of before there was a choice.
   */
  readonly row_a_try?: boolean;
  /** How the writer of a commit is known: `triggers` on the watched tables, or not at all. */
  readonly writers: 'triggers' | 'none';
  /** Moments on the run's clock; null until they happen. */
  readonly load_started_ms: number | null;
  readonly load_ended_ms: number | null;
  readonly ended_ms: number | null;
  /** Null while it runs, and also later if the harness was killed. */
  readonly ended: 'completed' | 'interrupted' | 'stack-failed' | null;
}

const STATED: Readonly<Record<keyof Manifest, z.ZodType>> = {
  format: whole,
  id: text,
  build: text,
  identity: z.record(text, text),
  patches: z.array(z.looseObject({ name: text, sha256: text, file: text })).optional(),
  plan: PLAN,
  windtunnel: text,
  node: text,
  machine: z.looseObject({ platform: text, arch: text, cpus: number, memory_bytes: number }),
  started_at: text,
  engine: text.optional(),
  own_invariants: z.array(text).optional(),
  repeat: text,
  used_by_others: z.boolean().optional(),
  continues: z.boolean().optional(),
  row_a_try: z.boolean().optional(),
  writers: z.enum(['triggers', 'none']),
  load_started_ms: maybe,
  load_ended_ms: maybe,
  ended_ms: maybe,
  ended: z.enum(['completed', 'interrupted', 'stack-failed']).nullable(),
};

/** What is read of a manifest; keys that are new here, as a later version adds them, are left alone. */
export const MANIFEST = z.looseObject(STATED);

export const MANIFEST_KEYS: readonly string[] = Object.keys(STATED);
