import type { Manifest } from '../model/manifest.ts';
import type { Life, Operation } from '../model/operation.ts';
import type { Scenario } from '../model/scenario.ts';
import { RUN_FORMAT, type TABLES } from '../model/tables.ts';

/** A row of a table with only the columns that a test is about. */
type Row<Table extends keyof typeof TABLES> = Partial<Record<keyof (typeof TABLES)[Table], unknown>>;

/** A run as a test of an invariant writes it down: what is left out is an ordinary, healthy run's. */
export interface LiteralRun {
  readonly manifest?: Partial<Manifest>;
  readonly scenario?: Partial<Scenario>;
  readonly operations?: readonly Partial<Operation>[];
  readonly lives?: readonly Partial<Life>[];
  readonly commits?: readonly Row<'commits'>[];
  readonly server_log?: readonly Row<'server_log'>[];
  readonly faults?: readonly Row<'faults'>[];
  readonly samples?: readonly Row<'samples'>[];
  readonly backends?: readonly Row<'backends'>[];
  readonly lock_waits?: readonly Row<'lock_waits'>[];
  readonly sightings?: readonly Row<'sightings'>[];
  readonly episodes?: readonly Row<'episodes'>[];
  readonly statements?: readonly Row<'statements'>[];
  readonly statement_kinds?: readonly Row<'statement_kinds'>[];
  readonly accesses?: readonly Row<'accesses'>[];
  readonly finals?: Readonly<Record<string, readonly object[]>>;
}

/** The rows of a literal run with all their columns, by table. */
export function literalTables(run: LiteralRun): Record<string, readonly object[] | undefined> {
  return {
    operations: run.operations?.map((row, index) => operation(row, index)),
    lives: run.lives?.map((row, index) => ({ ...TASK, ...LIFE, life: index + 1, ...row })),
    commits: run.commits?.map((row, index) => commit(row, index)),
    server_log: run.server_log,
    faults: run.faults,
    samples: run.samples,
    backends: run.backends,
    lock_waits: run.lock_waits,
    sightings: run.sightings,
    episodes: run.episodes,
    statements: run.statements,
    statement_kinds: run.statement_kinds,
    accesses: run.accesses,
    ...Object.fromEntries(Object.entries(run.finals ?? {}).map(([name, rows]) => [`final_${name}`, rows])),
  };
}

export const TASK = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, try_number: 1, ti_id: 'ti-1' };

const LIFE = {
  worker: 'w-1',
  pid: 1,
  scheduler: 'wt-scheduler-1',
  handed_ms: 0,
  started_ms: 1_000,
  ended_ms: 9_000,
  end: 'reported',
  deliveries: 1,
  duplicate_of: null,
  log: null,
} as const;

function operation(row: Partial<Operation>, index: number): Partial<Operation> {
  const sent = row.sent_ms ?? 1_000 + index * 10;
  const operator = row.actor === 'operator';
  return {
    op: index + 1,
    actor: 'life',
    life: operator ? null : 1,
    worker: operator ? 'operator-1' : 'w-1',
    kind: 'heartbeat',
    ...(operator ? {} : TASK),
    attempt: 1,
    duplicate_of: null,
    intended_ms: sent,
    sent_ms: sent,
    ended_ms: sent + 5,
    outcome: 'ok',
    status: row.outcome === undefined || row.outcome === 'ok' ? 200 : null,
    ...row,
  };
}

/** A change of the one task instance that most tests are about, unless the row names another relation. */
function commit(row: Row<'commits'>, index: number): Row<'commits'> {
  const { ti_id: id, ...task } = TASK;
  const common = { seq: index + 1, xid: 700 + index, lsn: `0/${index}`, change: 'update', row: {} };
  if (row.relation !== undefined && row.relation !== 'task_instance') return { ...common, ...row };
  return { ...common, relation: 'task_instance', id, ...task, ...row };
}

export function literalManifest(run: LiteralRun): Manifest {
  return {
    format: RUN_FORMAT,
    id: 'literal',
    build: 'airflow@3.2.1',
    identity: { task_instance_heartbeat_timeout_s: '20' },
    plan: { seed: 7, scenario: { ...SCENARIO, ...run.scenario } },
    windtunnel: '0.1.0',
    node: 'v20.19.0',
    machine: { platform: 'linux', arch: 'x64', cpus: 2, memory_bytes: 8e9 },
    started_at: '2026-11-21T10:00:00.000Z',
    repeat: 'windtunnel run literal --seed 7',
    writers: 'triggers',
    load_started_ms: 0,
    load_ended_ms: 60_000,
    ended_ms: 70_000,
    ended: 'completed',
    ...run.manifest,
  };
}

const SCENARIO: Scenario = {
  name: 'literal',
  describe: 'Written by a test.',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags: [],
  fleet: {
    habits: { rtif: 0, rtif_twice: 0, xcom: 0, lost_answer: 0, fails: 0, silent_death: 0, defers: 0, impostor: 0 },
    heartbeat_ms: 5_000,
    timeout_ms: 5_000,
    retries: 5,
    connections: 10,
  },
  operators: [],
  aims: [],
};
