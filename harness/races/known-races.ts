/**
 * Races that are known by name: how a finding tells an old acquaintance from something new, and what the track record
 * (records/track-record.md) keeps account of.
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

type Origin = Pick<KnownRace, 'name' | 'reported' | 'found_by'>;

const fromProduction = (issue: number): Origin => ({
  name: `#${issue}`,
  reported: `https://github.com/apache/airflow/issues/${issue}`,
  found_by: 'reported from production',
});

const ours = (name: string): Origin => ({ name, reported: null, found_by: 'found by windtunnel' });

export const KNOWN_RACES: readonly KnownRace[] = [
  {
    ...fromProduction(63266),
    title: 'A branch’s skip overwrote tasks that a worker was running or had finished, and their work was lost',
    marks: [
      { invariant: 'running-is-not-overwritten', paths: ['skip-downstream'] },
      { invariant: 'acknowledged-is-durable', paths: ['skip-downstream'] },
      { invariant: 'a-started-life-owns-its-task', paths: ['skip-downstream'] },
    ],
  },
  {
    ...fromProduction(66734),
    title:
      'A worker’s end report and the scheduler’s update of dag_version_id blocked each other until PostgreSQL cancelled one',
    marks: [{ invariant: 'no-deadlocks', paths: ['state PATCH × dag_version UPDATE'] }],
  },
  {
    ...fromProduction(63581),
    title: 'Two writes of the same rendered fields met, and one of them was refused with 409, which fails the task',
    marks: [{ invariant: 'rtif-last-writer-wins', paths: ['two at once', 'retry of a lost answer', 'another write'] }],
  },
  {
    ...fromProduction(62561),
    title: 'A backfill was marked completed while its runs were still to come',
    marks: [{ invariant: 'backfill-completes-after-its-runs', paths: null }],
  },
  {
    ...fromProduction(60330),
    title: 'A scheduler set tasks to SCHEDULED that a branch had skipped meanwhile',
    marks: [
      {
        invariant: 'skips-take-effect',
        paths: ['skipped, then scheduled', 'skipped, then running'],
      },
    ],
  },
  {
    ...fromProduction(67238),
    title: 'A try that failed while it was queued is missing in task_instance_history',
    marks: [{ invariant: 'history-is-complete', paths: ['lost while queued'] }],
  },
  {
    ...fromProduction(49889),
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
    ...ours('heard-again'),
    title:
      'A worker was given up as silent though its heartbeat had been accepted since: the scheduler does not look again',
    marks: [{ invariant: 'running-is-not-overwritten', paths: ['heard again'] }],
  },
  {
    ...ours('upstream-marked'),
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
    ...ours('taken-as-failure'),
    title:
      'A worker’s report met an error in the database, and was committed as FAILED: SUCCESS is answered with 204 all the same, and a retry is not tried',
    marks: [
      { invariant: 'acknowledged-is-durable', paths: ['taken as a failure'] },
      { invariant: 'a-retry-is-a-retry', paths: ['taken as a failure'] },
    ],
  },
  {
    ...ours('unlocked-clear'),
    title:
      'A clear went by a task that it had read without locking it: answered with 500 where another try was begun meanwhile, or leaving that try out of the history',
    marks: [
      { invariant: 'error-contract', paths: ['clear 500, another try meanwhile'] },
      { invariant: 'history-is-complete', paths: ['lost to a clear'] },
      { invariant: 'no-deadlocks', paths: ['one try kept twice'] },
    ],
  },
  {
    ...ours('delete-deadlock'),
    title: 'A run was deleted while a task of it was cleared, and the two met in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['delete × clear'] }],
  },
  {
    ...ours('dag-rows'),
    title:
      'Schedulers that ended runs of several DAGs at once, or one and the dag-processor, locked the DAGs’ rows in opposite orders and met in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['rows of dag'] }],
  },
  {
    ...ours('events-unlocked'),
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
    ...ours('stale-decision'),
    title: 'A scheduler’s trigger rule overwrote the end that a task had been given since the scheduler had read it',
    marks: [
      {
        invariant: 'tasks-change-as-allowed',
        paths: ['success', 'failed', 'skipped'].map((from) => `scheduler: ${from} → upstream_failed`),
      },
    ],
  },
  {
    ...ours('unlocked-run'),
    title:
      'A scheduler that tried again after an error in the database examined runs whose locks it had lost, and met another scheduler or a clear in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['run examined without its lock'] }],
  },
  {
    ...ours('marks-deadlock'),
    title:
      'Somebody marked several tasks in one request, one after another, and a scheduler’s update of dag_version_id met it in a deadlock',
    marks: [{ invariant: 'no-deadlocks', paths: ['marks × dag_version UPDATE'] }],
  },
  {
    ...ours('fields-of-deleted'),
    title:
      'Rendered fields or a result of a task whose run was deleted meanwhile were answered with 500: a broken foreign key is left without an answer',
    marks: [
      { invariant: 'error-contract', paths: ['rtif 500, deleted meanwhile', 'xcom_push 500, deleted meanwhile'] },
    ],
  },
  {
    ...ours('backfills-at-once'),
    title: 'Two backfills of a DAG that were asked for at the same moment were both admitted',
    marks: [{ invariant: 'backfill-does-not-block', paths: ['asked for at once'] }],
  },
  {
    ...ours('ranked-queue'),
    title:
      'A scheduler queued a task that a branch had skipped meanwhile: it locks the row, and asks for its state in a subquery of the same statement, which PostgreSQL does not ask again',
    marks: [{ invariant: 'skips-take-effect', paths: ['skipped, then queued'] }],
  },
  {
    ...ours('max-active-runs'),
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
