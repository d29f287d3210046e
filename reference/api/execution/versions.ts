import { isDict } from '../fields.ts';

/** Versions of the Execution API that 3.3.2 has, the oldest first. */
const VERSIONS = [
  '2025-04-11',
  '2025-04-28',
  '2025-05-20',
  '2025-08-10',
  '2025-09-23',
  '2025-10-27',
  '2025-11-05',
  '2026-04-06',
  '2026-06-30',
] as const;

export type Version = (typeof VERSIONS)[number];
export const NEWEST: Version = '2026-06-30';

/** The version that answers a request for `asked`: itself or the next older one. Undefined: older than all. */
export function versionFor(asked: string): Version | undefined {
  return VERSIONS.findLast((version) => version <= asked);
}

interface Change {
  /** Clients from this version on get the answer as it is. */
  readonly since: Version;
  /** Takes a dag_run back to what it was before. */
  readonly dagRun?: (run: Record<string, unknown>) => void;
  readonly context?: (context: Record<string, unknown>) => void;
}

/** The newest first: each takes the answer one version back. */
const CHANGES: readonly Change[] = [
  {
    since: '2026-06-30',
    dagRun: (run) => {
      delete run.team_name;
      delete run.partition_date;
    },
  },
  {
    since: '2026-04-06',
    dagRun: (run) => {
      delete run.partition_key;
      delete run.note;
      run.start_date ??= run.run_after;
    },
    context: (context) => {
      delete context.start_date;
      context.upstream_map_indexes = null;
      if (isDict(context.next_kwargs)) context.next_kwargs = wrapped(context.next_kwargs);
    },
  },
  { since: '2025-11-05', dagRun: (run) => delete run.triggering_user_name },
  {
    since: '2025-10-27',
    dagRun: (run) => {
      run.conf ??= {};
    },
  },
  { since: '2025-08-10', dagRun: (run) => delete run.state },
];

/** A dag_run as a client of that version knows it. */
export function dagRunFor(version: Version, newest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const run = { ...newest };
  for (const { since, dagRun } of CHANGES) if (version < since) dagRun?.(run);
  return run;
}

/** A start's answer as a client of that version knows it. */
export function contextFor(
  version: Version,
  newest: Readonly<Record<string, unknown>> & { readonly dag_run: Readonly<Record<string, unknown>> },
): Record<string, unknown> {
  const context: Record<string, unknown> = { ...newest, dag_run: dagRunFor(version, newest.dag_run) };
  for (const change of CHANGES) if (version < change.since) change.context?.(context);
  return context;
}

/** Clients before 2026-04-06 read only what BaseSerialization wrote: each dict as `{"__type": "dict", "__var": …}`. */
function wrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrapped);
  if (!isDict(value) || '__type' in value) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wrapped(item)]));
  return { __type: 'dict', __var: inner };
}
