import { FAULTS } from '../faults/index.ts';
import { ASSET_SCENARIO, ASSETS, assetEvent, assetRun } from './asset-rows.ts';
import { judgeLiteral, many } from './judge-literal.ts';
import type { LiteralRun } from './literal-run.ts';

/**
 * Which fault explains a violation of which invariant: what is explained by a fault of ours is no violation. A literal
 * run stands for each pair: a violation without the fault, and none with it. docs/faults.md has the table.
 */
export interface FaultExcuse {
  readonly invariant: string;
  readonly faults: readonly string[];
  /** What the fault does that explains it. */
  readonly why: string;
  /** A violation. */
  readonly run: LiteralRun;
  /** What the fault adds to the record; without it: a window of it through the whole load. */
  readonly adds?: (fault: string) => LiteralRun;
}

const ANY = FAULTS.map(({ name }) => name);
const CUTS = [
  'kill-backend',
  'terminate-connections',
  'restart-postgres',
  'exhaust-connections',
  'wire-cut',
  'wire-reset',
  'lost-commit',
  'lost-commit-answer',
];
const BYSTANDERS = ['bystander-lock', 'fields-lock'];
const OF_PROCESSES = ['pause', 'kill', 'slow-cpu'];
const OF_WIRES = ['wire-delay', 'wire-latency', 'wire-cut', 'wire-reset', 'lost-commit', 'lost-commit-answer'];
const OF_DATABASE = ['kill-backend', 'terminate-connections', 'restart-postgres', 'exhaust-connections', 'slow-disk'];
const ACTIONS: Readonly<Record<string, 'clear' | 'mark' | 'delete' | 'bulk'>> = {
  'clear-storm': 'clear',
  'mark-storm': 'mark',
  'delete-runs': 'delete',
  'bulk-changes': 'bulk',
};
const OPERATORS = Object.keys(ACTIONS);

const API = 'wt-api-execution-1';
const CORE = 'wt-api-core-1';
const SCHEDULER = 'wt-scheduler-1';

/** Clients, operators and executors are victims of their own; the rest is the database's, or an API server's. */
function victimOf(fault: string): string {
  const described = FAULTS.find(({ name }) => name === fault);
  if (described?.hazard) return 'fleet';
  if (fault in ACTIONS || fault === 'pause-dags') return 'operators';
  if (fault === 'executor-events' || fault === 'revoke-slow') return 'executor';
  return [...OF_DATABASE, ...BYSTANDERS].includes(fault) ? 'postgres' : 'api-execution-1';
}

/** A window through the whole load. */
function windowOf(fault: string, victim = victimOf(fault)): LiteralRun {
  return { faults: [{ fault, victim, opened_ms: 100, closed_ms: 59_000 }] };
}

/** What operators do while their fault is open, to the run of the task that most literal runs are about. */
const action = (fault: string, sent_ms: number): LiteralRun => ({
  operations: [
    {
      op: 90,
      actor: 'operator',
      kind: ACTIONS[fault] ?? 'clear',
      dag_id: 'wt_dag',
      run_id: 'run1',
      task_id: null,
      sent_ms,
      ended_ms: sent_ms + 2_000,
    },
  ],
});

const dag = (dag_id: string, more: object = {}) => ({
  dag_id,
  schedule: null,
  past_runs: 0,
  max_active_runs: 2,
  tasks: [{ task_id: 'task', upstream: [], duration_ms: [1, 1] as const, retries: 1 }],
  ...more,
});
const task = (state: string | null, committed_ms: number, writer = SCHEDULER, more: object = {}) => ({
  state,
  committed_ms,
  writer,
  ...more,
});
const dagRun = (state: string, committed_ms: number, more: object = {}) => ({
  relation: 'dag_run',
  id: '1',
  dag_id: 'wt_dag',
  run_id: 'run1',
  state,
  committed_ms,
  writer: SCHEDULER,
  ...more,
});
const LATER = dagRun('running', 90_000, { id: '9', run_id: 'later' });

const RUNNING = task('running', 1_003, API, { row: { hostname: 'w-1' } });
const BEAT = { op: 9, sent_ms: 6_000, ended_ms: 6_020, outcome: 'refused', status: 409 } as const;
const OTHERS_END = { op: 4, kind: 'state', requested: 'success', sent_ms: 4_990, ended_ms: 5_010 } as const;
const START = { op: 1, kind: 'run', sent_ms: 1_000 } as const;
/** Life 1 deferred in its first part; its report is sent again while life 2 runs the second. */
const AGAIN = {
  op: 8,
  life: 3,
  worker: 'w-3',
  kind: 'state',
  requested: 'deferred',
  attempt: 2,
  sent_ms: 4_990,
  ended_ms: 5_010,
} as const;

const REFUSED_START = { op: 5, kind: 'run', sent_ms: 1_500, ended_ms: 1_520, outcome: 'refused', status: 409 } as const;
const REFUSED_LIFE = { handed_ms: 1_000, started_ms: null, end: 'refused', scheduler: 'scheduler-1' } as const;
/** Another life of the task runs it. */
const TAKEN: LiteralRun = {
  lives: [REFUSED_LIFE, { life: 2, worker: 'w-2', handed_ms: 200 }],
  operations: [{ op: 4, kind: 'run', life: 2, worker: 'w-2', sent_ms: 1_090, ended_ms: 1_110 }, REFUSED_START],
  commits: [task('queued', 900), task('running', 1_100, API, { row: { hostname: 'w-2' } })],
};

const TI = '01a227df-55b6-791d-92e1-189dc9b79030';
const BYSTANDER_LOG = {
  at_ms: 10_000,
  source: 'postgres',
  pid: 10,
  application_name: API,
  sqlstate: '40P01',
  detail:
    'Process 10 waits for ShareLock on transaction 902; blocked by process 11.\n' +
    "Process 10: SELECT 1 FROM task_instance WHERE id = 'ti-1' FOR UPDATE\nProcess 11: SELECT 2",
};
const OTHER_SIDE = { at_ms: 0, pid: 11, application_name: SCHEDULER };
const bystander = (): LiteralRun => ({ backends: [{ ...OTHER_SIDE, application_name: 'wt-bystander' }] });

const MIB = 1_048_576;

export const FAULT_MATRIX: readonly FaultExcuse[] = [
  {
    invariant: 'a-retry-is-a-retry',
    faults: ['skewed-clocks', 'late-end', 'zombies', 'lost-answers'],
    why: 'a worker with a wrong clock, or with a late report, dates its end back, and the delay counts from there',
    run: {
      operations: [{ op: 7, kind: 'state', requested: 'up_for_retry', sent_ms: 5_000 }],
      commits: [
        task('running', 1_000, API),
        task('up_for_retry', 5_003, API, { id: 'ti-2', old_id: 'ti-1' }),
        task('scheduled', 5_200, SCHEDULER, { id: 'ti-2', try_number: 2 }),
      ],
    },
  },
  {
    invariant: 'a-started-life-owns-its-task',
    faults: OPERATORS,
    why: 'an operator changed the task, or its run',
    run: { lives: [{}], operations: [START, BEAT], commits: [RUNNING] },
    adds: (fault) => action(fault, 5_000),
  },
  {
    invariant: 'a-started-life-owns-its-task',
    faults: ['zombies'],
    why: 'the worker had sent nothing for as long as the heartbeat time-out',
    run: { lives: [{}], operations: [START, BEAT], commits: [RUNNING] },
    adds: () => ({ operations: [{ ...BEAT, sent_ms: 25_000, ended_ms: 25_020 }] }),
  },
  {
    invariant: 'a-started-life-owns-its-task',
    faults: ['lost-answers'],
    why: 'the report of a deferral, sent again, took the task from the worker of its second part',
    run: {
      lives: [{}],
      operations: [START, BEAT],
      commits: [RUNNING, task('deferred', 5_000, API)],
    },
    adds: () => ({ operations: [AGAIN] }),
  },
  {
    invariant: 'asset-events-begin-runs',
    faults: ANY,
    why: 'schedulers and servers were held up; a paused DAG waits on purpose',
    run: {
      scenario: ASSET_SCENARIO,
      commits: [
        ...ASSETS,
        ...assetEvent(1, 1_000, 11),
        ...assetEvent(2, 1_500, 12, false),
        ...assetRun(7, [1], 2_000, 13),
        LATER,
      ],
    },
  },
  {
    invariant: 'backfill-does-not-block',
    faults: ANY,
    why: 'the schedulers, which complete it, were held up',
    run: {
      manifest: { identity: { backfill_abandoned_s: '20' } },
      operations: [{ actor: 'operator', kind: 'backfill', dag_id: 'wt_b', target: '1', sent_ms: 900, ended_ms: 2_000 }],
      commits: [{ relation: 'backfill', change: 'insert', id: '1', dag_id: 'wt_b', committed_ms: 1_000 }, LATER],
    },
  },
  {
    invariant: 'error-contract',
    faults: [...CUTS, 'answer-sqlstate'],
    why: 'the transaction lost its connection, or never got one, or its statement was answered with an error',
    run: { operations: [{ kind: 'heartbeat', outcome: 'unknown', status: 500, sent_ms: 9_000, ended_ms: 10_050 }] },
    adds: (fault) =>
      fault === 'answer-sqlstate'
        ? {
            server_log: [{ at_ms: 9_500, source: 'wire', application_name: API, sqlstate: '57014', statement: 'ti-1' }],
          }
        : windowOf(fault),
  },
  {
    invariant: 'error-contract',
    faults: BYSTANDERS,
    why: 'the bystander was a side of the deadlock that failed the request',
    run: {
      operations: [{ kind: 'heartbeat', outcome: 'unknown', status: 500, sent_ms: 9_000, ended_ms: 10_050 }],
      server_log: [BYSTANDER_LOG],
      backends: [OTHER_SIDE],
    },
    adds: bystander,
  },
  {
    invariant: 'every-dag-progresses',
    faults: ANY,
    why: 'schedulers and slots were held up; a paused DAG waits on purpose',
    run: {
      scenario: { dags: [dag('wt_dag'), dag('wt_other')] },
      commits: [
        task(null, 500),
        dagRun('running', 1_000),
        ...many(20, (i) =>
          task('scheduled', 2_000 + 1_000 * i, SCHEDULER, { id: `o${i}`, task_id: `o${i}`, dag_id: 'wt_other' }),
        ),
      ],
    },
  },
  {
    invariant: 'every-map-index-once',
    faults: ANY,
    why: 'the scheduler that expands the task was held up',
    run: {
      scenario: {
        dags: [dag('wt_dag', { tasks: [{ task_id: 'task', upstream: [], mapped: 2, duration_ms: [1, 1] }] })],
      },
      commits: [
        dagRun('queued', 1_000, { change: 'insert' }),
        task(null, 1_000, SCHEDULER, { change: 'insert', map_index: 0 }),
      ],
    },
  },
  {
    invariant: 'hand-off-follows-queueing',
    faults: ['duplicate-delivery'],
    why: 'the fault delivered the workload a second time',
    run: {
      lives: [{ handed_ms: 1_000 }, { life: 2, worker: 'w-2', handed_ms: 2_000 }],
      operations: [START],
      commits: [task('queued', 900), LATER],
    },
    adds: () => ({ lives: [{ handed_ms: 1_000 }, { life: 2, worker: 'w-2', handed_ms: 2_000, duplicate_of: 1 }] }),
  },
  {
    invariant: 'handed-off-can-start',
    faults: ['duplicate-delivery'],
    why: 'a copy of the workload, or a late copy of the first part of a deferred task, had the place',
    run: TAKEN,
    // The copy is of the first part, which life 3 had played.
    adds: () => ({
      lives: [REFUSED_LIFE, { life: 2, worker: 'w-2', handed_ms: 200, duplicate_of: 3 }, { life: 3, handed_ms: 100 }],
    }),
  },
  {
    invariant: 'handed-off-can-start',
    faults: OPERATORS,
    why: 'an operator changed the task, or its run',
    run: {
      lives: [REFUSED_LIFE],
      operations: [REFUSED_START],
      commits: [task('queued', 900), task(null, 1_200, SCHEDULER, { id: 'ti-2', old_id: 'ti-1' })],
    },
    adds: () => ({
      commits: [task('queued', 900), task(null, 1_200, CORE, { id: 'ti-2', old_id: 'ti-1' })],
    }),
  },
  {
    invariant: 'handed-off-can-start',
    faults: ['kill', 'pause'],
    why: 'another scheduler adopted what the victim had queued',
    run: {
      lives: [REFUSED_LIFE],
      operations: [REFUSED_START],
      commits: [task('queued', 900), task(null, 1_200, SCHEDULER, { id: 'ti-2', old_id: 'ti-1' })],
    },
    adds: (fault) => windowOf(fault, 'scheduler-2'),
  },
  {
    invariant: 'handed-off-can-start',
    faults: ['late-start', 'revoke-slow'],
    why: 'the task had been queued for as long as `task_queued_timeout`',
    run: {
      lives: [{ ...REFUSED_LIFE, handed_ms: 920 }],
      operations: [{ ...REFUSED_START, sent_ms: 22_000, ended_ms: 22_020 }],
      // The executor's id is written long after it was queued.
      commits: [task('queued', 900), task('queued', 15_000), task('scheduled', 21_500)],
    },
    adds: () => ({ manifest: { identity: { task_queued_timeout_s: '20' } } }),
  },
  {
    invariant: 'locks-are-brief',
    faults: ANY,
    why: 'the holder was held up, or was the bystander',
    run: {
      operations: [{}],
      backends: [{ at_ms: 100, pid: 42, application_name: SCHEDULER }],
      server_log: [['still waiting for', 5_300, 300.1] as const, ['acquired', 11_234, 6234.5] as const].map(
        ([what, at_ms, ms]) => ({
          source: 'postgres',
          severity: 'LOG',
          pid: 41,
          application_name: API,
          at_ms,
          message: `process 41 ${what} ShareLock on transaction 900 after ${ms} ms`,
          detail: 'Process holding the lock: 42. Wait queue: 41.',
        }),
      ),
    },
  },
  {
    invariant: 'logs-say-what-happened',
    faults: [...CUTS, 'answer-sqlstate'],
    why: 'the transaction in which the line was written was rolled back',
    run: {
      operations: [
        {
          kind: 'state',
          ti_id: TI,
          requested: 'success',
          outcome: 'unknown',
          status: 500,
          sent_ms: 5_000,
          correlation_id: 'c5',
        },
      ],
      commits: [task('running', 1_000, API, { id: TI }), task('success', 6_500, API, { id: TI }), LATER],
      server_log: [
        {
          at_ms: 5_200,
          source: 'api-execution-1',
          severity: 'ERROR',
          message: `Setting the task to failed correlation_id=c5 ti_id=${TI}`,
        },
      ],
    },
    adds: (fault) =>
      fault === 'answer-sqlstate'
        ? { server_log: [{ at_ms: 5_010, source: 'wire', application_name: API, sqlstate: '40001' }] }
        : windowOf(fault),
  },
  {
    invariant: 'memory-is-bounded',
    faults: [...OF_PROCESSES, 'kill-backend', 'terminate-connections', ...OF_WIRES, 'answer-sqlstate'],
    why: 'its victim was held up, or began again',
    run: {
      samples: ['api-execution-1', 'scheduler-1'].flatMap((source) =>
        many(60, (s) => ({
          at_ms: s * 1_000,
          source,
          metric: 'rss_bytes',
          value: (200 + (source === 'scheduler-1' ? 0 : 3 * s)) * MIB,
        })),
      ),
    },
    adds: (fault) => windowOf(fault, 'api-execution-1'),
  },
  {
    invariant: 'no-deadlocks',
    faults: BYSTANDERS,
    why: 'the bystander was a side of it',
    run: { operations: [{}], commits: [RUNNING], server_log: [BYSTANDER_LOG], backends: [OTHER_SIDE] },
    adds: bystander,
  },
  {
    invariant: 'one-live-attempt',
    faults: [...OF_PROCESSES, ...OF_DATABASE, ...BYSTANDERS, ...OF_WIRES, 'answer-sqlstate'],
    why: 'the first worker could not be noticed, or another scheduler adopted its task',
    run: twoLives(),
  },
  {
    invariant: 'one-live-attempt',
    faults: OPERATORS,
    why: 'an operator changed the task, or its run',
    run: twoLives(),
    adds: (fault) => action(fault, 4_000),
  },
  {
    invariant: 'one-live-attempt',
    faults: ['zombies', 'late-end'],
    why: 'the first worker had sent nothing for as long as the heartbeat time-out',
    run: twoLives(),
    adds: () => twoLives(22_000),
  },
  {
    invariant: 'one-live-attempt',
    faults: ['silent-death'],
    why: 'the first worker was dead',
    run: twoLives(),
    adds: () => ({ lives: (twoLives().lives ?? []).map((life) => ({ ...life, end: 'silent' as const })) }),
  },
  {
    invariant: 'one-live-attempt',
    faults: ['lost-answers'],
    why: 'the report of a deferral, sent again, took the task from the first worker',
    run: { ...twoLives(), commits: [RUNNING, task('deferred', 5_000, API)] },
    adds: () => ({ operations: [AGAIN] }),
  },
  {
    invariant: 'an-end-comes-from-the-owner',
    faults: [...OF_PROCESSES, ...OF_DATABASE, ...BYSTANDERS, ...OF_WIRES, 'answer-sqlstate'],
    why: "another scheduler took the first worker's task for an orphan, and queued it again under its id",
    run: othersEnd(),
  },
  {
    invariant: 'an-end-comes-from-the-owner',
    faults: ['lost-answers'],
    why: 'the report is sent again, and its sender was the owner when it began to send it',
    run: othersEnd(),
    adds: () => ({ operations: [{ ...OTHERS_END, attempt: 2 }] }),
  },
  {
    invariant: 'an-end-comes-from-the-owner',
    faults: ['duplicate-delivery'],
    why: 'the fault gave one workload to both workers',
    run: othersEnd(),
    adds: () => ({ lives: [{ life: 1 }, { life: 2, worker: 'w-2', duplicate_of: 1 }] }),
  },
  {
    invariant: 'one-run-per-date',
    faults: ANY,
    why: 'the schedulers were held up; a paused DAG waits on purpose',
    run: {
      scenario: { dags: [dag('wt_dag', { schedule: '* * * * *', past_runs: 1 })] },
      commits: [
        dagRun('queued', 500, {
          change: 'insert',
          row: { run_type: 'scheduled', logical_date: '2026-11-21T09:59:00.000Z' },
        }),
      ],
    },
  },
  {
    invariant: 'processes-stay-alive',
    faults: CUTS,
    why: 'a process that loses its database may end',
    run: {
      samples: [{ at_ms: 1_000, source: 'api-execution-1', metric: 'rss_bytes', value: 1 }],
      server_log: [{ at_ms: 10_000, source: 'api-execution-1', severity: 'FATAL', message: 'it ended' }],
    },
  },
  {
    invariant: 'results-belong-to-their-try',
    faults: ['delete-runs'],
    why: 'a run that is deleted takes its results with it',
    run: {
      lives: [{}],
      operations: [
        { op: 5, kind: 'xcom_push', sent_ms: 3_000, requested: 'life 1' },
        { op: 7, kind: 'run', life: 2, worker: 'w-2', ti_id: 'ti-2', try_number: 2, sent_ms: 9_000 },
        { op: 8, kind: 'rtif', life: 2, worker: 'w-2', ti_id: 'ti-2', try_number: 2, sent_ms: 9_100 },
      ],
    },
    adds: (fault) => action(fault, 4_000),
  },
  {
    invariant: 'rtif-last-writer-wins',
    faults: ['delete-runs'],
    why: 'the run was deleted and made again, and its tasks began with their first try',
    run: fields(),
    adds: () => ({ commits: fields(3_000).commits ?? [] }),
  },
  {
    invariant: 'running-is-not-overwritten',
    faults: OPERATORS,
    why: 'an operator changed the task, or its run',
    run: overwritten(),
    adds: () => ({ commits: [RUNNING, task('failed', 5_000, CORE)] }),
  },
  {
    invariant: 'running-is-not-overwritten',
    faults: ['zombies', 'late-end'],
    why: 'the worker had sent nothing for as long as the heartbeat time-out',
    run: overwritten(),
    adds: () => ({ commits: [RUNNING, task('failed', 25_000)] }),
  },
  {
    invariant: 'running-is-not-overwritten',
    faults: ['silent-death'],
    why: 'the worker was dead',
    run: overwritten(),
    adds: () => ({ lives: [{ started_ms: 1_005, ended_ms: 4_000, end: 'silent' }] }),
  },
  {
    invariant: 'running-is-not-overwritten',
    faults: ['lost-answers'],
    why: 'the report of a deferral, sent again, took the task from the worker of its second part',
    run: { ...overwritten(), commits: [RUNNING, task('deferred', 5_000, API)] },
    adds: () => ({ operations: [AGAIN] }),
  },
  {
    invariant: 'runs-change-as-allowed',
    faults: ['clear-storm'],
    why: 'an operator cleared a task that the scheduler had read as ended',
    run: endedEarly(1_500),
    adds: () => endedEarly(12_000),
  },
  {
    invariant: 'runs-change-as-allowed',
    faults: [...OF_PROCESSES, 'slow-disk', ...BYSTANDERS, 'wire-delay', 'wire-latency'],
    why: 'the scheduler was held up after it had read a task as ended that an operator then cleared',
    run: endedEarly(1_500),
    adds: (fault) => windowOf(fault, 'scheduler-1'),
  },
  {
    invariant: 'silent-deaths-are-noticed',
    faults: ANY,
    why: 'the scheduler that notices it was held up',
    run: {
      operations: [{ op: 3, sent_ms: 4_000 }],
      lives: [{ end: 'silent', ended_ms: 5_000 }],
      commits: [RUNNING],
    },
  },
  {
    invariant: 'triggers-end-with-their-deferral',
    faults: ANY,
    why: 'the triggerer, which deletes triggers, was held up',
    run: {
      commits: [task('deferred', 2_000, API), task('scheduled', 4_000, 'wt-triggerer-1'), task('success', 60_000, API)],
      finals: {
        task_instance: [{ id: 'ti-1', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', state: 'success' }],
        trigger: [{ id: 5, classpath: 'x.FileTrigger', created_date: '2026-11-21T10:00:02+00:00' }],
        xcom: [{ dag_id: 'wt_dag', key: 'return_value' }],
      },
    },
  },
  {
    invariant: 'work-goes-on',
    faults: ANY,
    why: 'the process that continues it was held up',
    run: { lives: [{ ti_id: 'another', handed_ms: 59_000 }], commits: [task('queued', 1_000)] },
  },
];

/** No fault explains a violation of these, and why. */
export const UNEXPLAINED: Readonly<Record<string, string>> = {
  'a-start-takes-effect-once': 'a repeated start is what `lost-answers` is for; the server must recognise it',
  'a-superseded-try-is-refused': 'late requests are what `zombies` and `late-end` are for; the server must refuse them',
  'a-trigger-has-its-run': 'what was acknowledged was committed, or must not have been acknowledged',
  'a-trigger-takes-effect-once': 'a repeated trigger is what `lost-answers` is for; the server must recognise it',
  'acknowledged-is-durable': 'what was acknowledged was committed, or must not have been acknowledged',
  'an-end-takes-effect-once': 'a repeated report is what `lost-answers` is for; the server must recognise it',
  'asset-events-are-consumed-once': 'what one scheduler does not see, another has not committed: they must lock',
  'backfill-completes-after-its-runs': 'however slow a creation is, it is not over before its runs are there',
  'history-is-complete': 'a try is archived in the transaction that begins the next one, or neither is done',
  'impostors-are-refused': 'the server must refuse them at any time',
  'max-active-runs-is-kept': 'what one scheduler does not see, another has not committed: they must lock',
  'max-active-tasks-is-kept': 'what one scheduler does not see, another has not committed: they must lock',
  'pool-slots-are-kept': 'what one scheduler does not see, another has not committed: they must lock',
  'refusals-have-a-cause': 'what a fault does to a task is in the record as any other cause',
  'skips-take-effect': 'a skip that could not be carried out must not be acknowledged',
  'task-limits-are-kept': 'what one scheduler does not see, another has not committed: they must lock',
  'tasks-change-as-allowed': 'no fault writes states, and a scheduler must ignore what executors say too late',
  'tasks-follow-their-dag-version': 'one statement moves a run, and another scheduler waits for its row',
  'tokens-keep-working': 'no fault changes a token or the clock of a server',
};

/** Rendered fields of try 2, then of try 1, and perhaps a task instance that was made in between. */
function fields(made_ms?: number): LiteralRun {
  const written = [2, 1].map((try_number, i) => ({
    try_number,
    text: `echo try ${try_number}`,
    at_ms: 2_000 * (i + 1),
  }));
  const made = made_ms === undefined ? [] : [task(null, made_ms, CORE, { change: 'insert', id: 'ti-3', seq: 2 })];
  return {
    operations: written.map(({ try_number, text, at_ms }, i) => ({
      op: i + 1,
      kind: 'rtif',
      ti_id: `ti-${try_number}`,
      try_number,
      requested: JSON.stringify({ bash_command: text }),
      sent_ms: at_ms - 5,
    })),
    commits: [
      ...written.map(({ text, at_ms }, i) => ({
        seq: 2 * i + 1,
        relation: 'rendered_task_instance_fields',
        dag_id: 'wt_dag',
        run_id: 'run1',
        task_id: 'task',
        map_index: -1,
        committed_ms: at_ms,
        row: { rendered_fields: { bash_command: text } },
      })),
      ...made,
    ],
  };
}

/** Worker w-1 started a task that w-2 runs now, and ends it. */
function othersEnd(): LiteralRun {
  return {
    operations: [START, { op: 2, kind: 'run', life: 2, worker: 'w-2', sent_ms: 2_000 }, OTHERS_END],
    commits: [RUNNING, task('running', 2_003, API, { row: { hostname: 'w-2' } }), task('success', 5_000, API)],
  };
}

function twoLives(other_ms = 6_000): LiteralRun {
  const first = { life: 1, worker: 'w-1', started_ms: 1_000, ended_ms: other_ms + 3_000 };
  const second = { life: 2, worker: 'w-2', ti_id: 'ti-2', try_number: 2, started_ms: other_ms };
  return {
    lives: [first, { ...second, ended_ms: other_ms + 6_000 }],
    operations: [
      { op: 1, kind: 'run', sent_ms: 990 },
      { op: 2, kind: 'run', life: 2, worker: 'w-2', ti_id: 'ti-2', sent_ms: other_ms - 10 },
    ],
  };
}

/** A task that a scheduler fails after four seconds, while its worker runs it. */
function overwritten(): LiteralRun {
  return {
    lives: [{ started_ms: 1_005, ended_ms: 40_000 }],
    operations: [START],
    commits: [RUNNING, task('failed', 5_000)],
  };
}

/** A run that ends at 15 s, with a task that an operator had cleared before. */
function endedEarly(cleared_ms: number): LiteralRun {
  return {
    commits: [
      dagRun('queued', 500, { change: 'insert' }),
      dagRun('running', 1_000),
      task('success', 1_200, API, { change: 'insert' }),
      task(null, cleared_ms, CORE, { id: 'ti-2', old_id: 'ti-1' }),
      dagRun('success', 15_000),
    ],
  };
}

/** Rows with the same key are those of the second; others are added. */
function merged(run: LiteralRun, more: LiteralRun): LiteralRun {
  const operations = (run.operations ?? []).filter(({ op }) => !more.operations?.some((row) => row.op === op));
  return {
    ...run,
    ...more,
    operations: [...operations, ...(more.operations ?? [])],
    server_log: [...(run.server_log ?? []), ...(more.server_log ?? [])],
  };
}

/** How many violations the literal run of an excuse has without the fault, and with each of these. */
export async function violationsOf({ invariant, run, adds }: FaultExcuse, faults: readonly string[]) {
  const without = await judgeLiteral(invariant, run);
  const under: Record<string, number | string> = {};
  for (const fault of faults) {
    const { violations, why_unknown } = await judgeLiteral(invariant, merged(run, (adds ?? windowOf)(fault)));
    under[fault] = why_unknown?.startsWith('judging it failed') ? why_unknown : violations;
  }
  return { without: without.violations, under };
}

/** The table of docs/faults.md. */
export function faultMatrixTable(): string {
  const rows = FAULT_MATRIX.map(({ invariant, faults, why }) => {
    const named = faults.length === ANY.length ? 'each' : faults.map((name) => `\`${name}\``).join(', ');
    return `| \`${invariant}\` | ${named} | ${why} |`;
  });
  const none = Object.entries(UNEXPLAINED).map(([invariant, why]) => `| \`${invariant}\` | none | ${why} |`);
  return [
    '| invariant | fault | what explains a violation, or why nothing does |',
    '| --- | --- | --- |',
    ...rows,
    ...none,
  ].join('\n');
}
