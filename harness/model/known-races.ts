/**
 * Races that are known by name: how a finding tells an old acquaintance from something new, and what the track record
 * (reports/track-record.md) keeps account of.
 */
export interface KnownRace {
  /** The issue's number, or a name of ours where nobody has reported it. */
  readonly name: string;
  /** Where it was reported; null if it was not. */
  readonly reported: string | null;
  readonly found_by: 'reported from production' | 'found by windtunnel';
  /** What a user sees, in one sentence without a full stop. */
  readonly title: string;
  /** The ways of breaking a promise that are this race's; `paths` null: every one of that promise. */
  readonly marks: readonly { readonly invariant: string; readonly paths: readonly string[] | null }[];
}

const issue = (number: number) => `https://github.com/apache/airflow/issues/${number}`;

export const KNOWN_RACES: readonly KnownRace[] = [
  {
    name: '#63266',
    reported: issue(63266),
    found_by: 'reported from production',
    title: 'A branch’s skip overwrote tasks that a worker was running or had finished, and their work was lost',
    marks: [
      { invariant: 'running-is-not-overwritten', paths: ['skip-downstream'] },
      { invariant: 'acknowledged-is-durable', paths: ['skip-downstream'] },
      { invariant: 'a-started-life-owns-its-task', paths: ['skip-downstream'] },
    ],
  },
  {
    name: '#66734',
    reported: issue(66734),
    found_by: 'reported from production',
    title:
      'A worker’s end report and the scheduler’s update of dag_version_id blocked each other until PostgreSQL cancelled one',
    marks: [{ invariant: 'no-deadlocks', paths: ['state PATCH × dag_version UPDATE'] }],
  },
  {
    name: '#63581',
    reported: issue(63581),
    found_by: 'reported from production',
    title: 'Two writes of the same rendered fields met, and one of them was refused with 409, which fails the task',
    marks: [{ invariant: 'rtif-last-writer-wins', paths: ['two at once', 'retry of a lost answer', 'another write'] }],
  },
  {
    name: '#62561',
    reported: issue(62561),
    found_by: 'reported from production',
    title: 'A backfill was marked completed while its runs were still to come',
    marks: [{ invariant: 'backfill-completes-after-its-runs', paths: null }],
  },
  {
    name: '#60330',
    reported: issue(60330),
    found_by: 'reported from production',
    title: 'A scheduler set tasks to SCHEDULED that a branch had skipped meanwhile',
    marks: [
      {
        invariant: 'skips-take-effect',
        paths: ['skipped, then scheduled', 'skipped, then running'],
      },
    ],
  },
  {
    name: '#67238',
    reported: issue(67238),
    found_by: 'reported from production',
    title: 'A try that failed while it was queued is missing in task_instance_history',
    marks: [{ invariant: 'history-is-complete', paths: ['lost while queued'] }],
  },
  {
    name: '#49889',
    reported: issue(49889),
    found_by: 'reported from production',
    title:
      'A task that started while it was being taken back as stuck in QUEUED was set to SCHEDULED, and is run once more',
    marks: [
      { invariant: 'running-is-not-overwritten', paths: ['stuck in queued'] },
      { invariant: 'acknowledged-is-durable', paths: ['stuck in queued'] },
      { invariant: 'a-started-life-owns-its-task', paths: ['stuck in queued'] },
      { invariant: 'handed-off-can-start', paths: ['stuck in queued'] },
    ],
  },
  {
    name: 'heard-again',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A worker was given up as silent though its heartbeat had been accepted since: the scheduler does not look again',
    marks: [{ invariant: 'running-is-not-overwritten', paths: ['heard again'] }],
  },
  {
    name: 'upstream-marked',
    reported: null,
    found_by: 'found by windtunnel',
    title: 'A task that a worker ran became UPSTREAM_FAILED when somebody marked its finished upstream as failed',
    marks: [
      { invariant: 'running-is-not-overwritten', paths: ['trigger rule'] },
      {
        invariant: 'tasks-change-as-allowed',
        paths: ['scheduled', 'queued', 'running', 'restarting'].flatMap((from) => [
          `scheduler: ${from} → upstream_failed`,
          `scheduler: ${from} → skipped`,
        ]),
      },
    ],
  },
  {
    name: 'taken-as-failure',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A worker’s report met an error in the database, and was committed as FAILED: SUCCESS is answered with 204 all the same, and a retry is not tried',
    marks: [
      { invariant: 'acknowledged-is-durable', paths: ['taken as a failure'] },
      { invariant: 'a-retry-is-a-retry', paths: ['taken as a failure'] },
    ],
  },
  {
    name: 'unlocked-clear',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A clear went by a task that it had read without locking it: answered with 500 where another try was begun meanwhile, or leaving that try out of the history',
    marks: [
      { invariant: 'error-contract', paths: ['clear 500, another try meanwhile'] },
      { invariant: 'history-is-complete', paths: ['lost to a clear'] },
      { invariant: 'no-deadlocks', paths: ['one try kept twice'] },
    ],
  },
  {
    name: 'delete-deadlock',
    reported: null,
    found_by: 'found by windtunnel',
    title: 'A run was deleted while a task of it was cleared, and the two met in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['delete × clear'] }],
  },
  {
    name: 'dag-rows',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'Schedulers that ended runs of several DAGs at once, or one and the dag-processor, locked the DAGs’ rows in opposite orders and met in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['rows of dag'] }],
  },
  {
    name: 'events-unlocked',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A scheduler that heard from its executor of several tasks gave up their locks at the first failure, and overwrote the ends of others, or ended itself',
    marks: [
      {
        invariant: 'tasks-change-as-allowed',
        paths: ['success', 'failed', 'skipped', 'upstream_failed'].flatMap((from) => [
          `scheduler: ${from} → up_for_retry`,
          `scheduler: ${from} → failed`,
        ]),
      },
      { invariant: 'history-is-complete', paths: ['lost after its end'] },
      { invariant: 'acknowledged-is-durable', paths: ['executor event'] },
      { invariant: 'processes-stay-alive', paths: ['scheduler, a row under another id'] },
    ],
  },
  {
    name: 'stale-decision',
    reported: null,
    found_by: 'found by windtunnel',
    title: 'A scheduler’s trigger rule overwrote the end that a task had been given since the scheduler had read it',
    marks: [
      {
        invariant: 'tasks-change-as-allowed',
        paths: ['success', 'failed', 'skipped'].map((from) => `scheduler: ${from} → upstream_failed`),
      },
    ],
  },
  {
    name: 'unlocked-run',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A scheduler that tried again after an error in the database examined runs whose locks it had lost, and met another scheduler or a clear in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['run examined without its lock'] }],
  },
  {
    name: 'marks-deadlock',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'Somebody marked several tasks in one request, one after another, and a scheduler’s update of dag_version_id met it in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['marks × dag_version UPDATE'] }],
  },
  {
    name: 'fields-of-deleted',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'Rendered fields or a result of a task whose run was deleted meanwhile were answered with 500: a broken foreign key is left without an answer',
    marks: [
      { invariant: 'error-contract', paths: ['rtif 500, deleted meanwhile', 'xcom_push 500, deleted meanwhile'] },
    ],
  },
  {
    name: 'backfills-at-once',
    reported: null,
    found_by: 'found by windtunnel',
    title: 'Two backfills of a DAG that were asked for at the same moment were both admitted',
    marks: [{ invariant: 'backfill-does-not-block', paths: ['asked for at once'] }],
  },
  {
    name: 'ranked-queue',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'A scheduler queued a task that a branch had skipped meanwhile: it locks the row, and asks for its state in a subquery of the same statement, which PostgreSQL does not ask again',
    marks: [{ invariant: 'skips-take-effect', paths: ['skipped, then queued'] }],
  },
  {
    name: 'max-active-runs',
    reported: null,
    found_by: 'found by windtunnel',
    title:
      'Two schedulers that counted the running runs of a DAG at the same moment each started another, past max_active_runs',
    marks: [{ invariant: 'max-active-runs-is-kept', paths: ['two schedulers at once'] }],
  },
];

export function knownRaceNamed(name: string): KnownRace | undefined {
  return KNOWN_RACES.find((race) => race.name === name);
}

/** The race that breaks this promise this way, if it is a known one. */
export function knownRace(invariant: string, path: string): KnownRace | undefined {
  return KNOWN_RACES.find(({ marks }) =>
    marks.some((mark) => mark.invariant === invariant && (mark.paths === null || mark.paths.includes(path))),
  );
}
