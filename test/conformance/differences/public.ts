import { ABSENT, ACCEPTED, type Json } from '../observation.ts';
import { ALL, BEFORE_3_2_2, BEFORE_3_3, type Difference, inOtherWords, LINE_3_1, LINE_3_2 } from './difference.ts';

const ACTIVE = 'There is already a running backfill for dag <dag>';

/** What is left of a backfill that has no runs. */
function orphan(from: string, to: string): Json {
  return [{ from_date: from, max_active_runs: 2, reprocess_behavior: 'none', to_date: to }];
}

const BACKWARDS = orphan('2026-01-06T00:01:00.000Z', '2026-01-05T00:00:00.000Z');
const BETWEEN = orphan('2026-01-05T00:00:10.000Z', '2026-01-05T00:00:50.000Z');
const NO_RUNS = 'No runs to create for Dag <dag> in the range [2026-01-05T00:00:10.000Z, 2026-01-05T00:00:50.000Z]';
const WRONG_WAY = 'from_date (2026-01-06T00:01:00.000Z) must not be after to_date (2026-01-05T00:00:00.000Z).';
const IN_RANGE = 'backfill/no runs in range';
const BAD_DATES = 'backfill/bad dates and bad bodies';

const BULK = 'bulk/a running task as failed, and again';
const BULK_TWO = 'bulk/with a map index, and two at once';
const CHANGED = '<dag>.<run>.task[-1]';
const NO_SUCH_INDEX = {
  error:
    "The task instances with these identifiers: [{'dag_id': '<dag>', 'dag_run_id': '<run>', 'task_id': 'task', " +
    "'map_index': 7}] were not found",
  status_code: 404,
};

function notFound(task: string, index: string): Json {
  const which = `dag_id: \`<dag>\`, run_id: \`<run>\`, task_id: \`${task}\` and map_index: \`${index}\``;
  return { error: `The Task Instance with ${which} was not found`, status_code: 404 };
}

export const publicDifferences: readonly Difference[] = [
  {
    releases: BEFORE_3_3,
    airflow:
      'makes a backfill without runs and lets it stay active, where no date is in range or the dates are the wrong ' +
      'way round: 200 on 3.1, 500 on 3.2. The DAG is blocked for other backfills until it is cancelled or cleaned up',
    reference: 'answers 422 and makes nothing',
    reason: 'The row is committed before its runs are looked for; both are checked first since 3.3.',
    cases: [
      {
        releases: LINE_3_2,
        dialogue: BAD_DATES,
        seen: { status: [500, 422], body: ['Internal Server Error', { detail: WRONG_WAY }] },
      },
      {
        releases: LINE_3_1,
        dialogue: BAD_DATES,
        seen: { status: [200, 422], body: [ACCEPTED, { detail: WRONG_WAY }] },
      },
      {
        dialogue: BAD_DATES,
        step: 'in the future',
        seen: { status: [409, 422], 'body.detail': [ACTIVE, 'Backfill cannot be executed for future dates.'] },
      },
      { dialogue: BAD_DATES, step: 'after', seen: { backfills: [BACKWARDS, []] } },
      {
        releases: LINE_3_2,
        dialogue: IN_RANGE,
        seen: { status: [500, 422], body: ['Internal Server Error', { detail: NO_RUNS }] },
      },
      { releases: LINE_3_1, dialogue: IN_RANGE, seen: { status: [200, 422], body: [ACCEPTED, { detail: NO_RUNS }] } },
      { dialogue: IN_RANGE, step: 'after', seen: { backfills: [BETWEEN, []] } },
      { dialogue: IN_RANGE, step: 'with runs', seen: { status: [409, 200], body: [{ detail: ACTIVE }, ACCEPTED] } },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'sets what has not begun to SUCCESS when a run is marked so',
    reference: 'sets it to SKIPPED',
    reason: 'What never ran did not succeed: changed with 3.3.',
    cases: [
      { dialogue: 'clear/a run that has ended becomes queued again', seen: { '*.state': ['success', 'skipped'] } },
      { dialogue: 'mark/a run as success, then queued', seen: { '*.state': ['success', 'skipped'] } },
      {
        dialogue: 'clear/a run that has ended becomes queued again',
        seen: {
          'other.history': [
            [{ end_date: '<time>', id: '<other>', start_date: '<time>', state: 'success', try_number: 1 }],
            [{ end_date: '<time>', id: '<other>', start_date: '<time>', state: 'skipped', try_number: 1 }],
          ],
        },
      },
    ],
  },
  {
    releases: ALL,
    airflow: 'answers 409 to one of two clears of a running task at once, and now and then 500',
    reference: 'answers 200 to both',
    reason:
      'Both archive the try and give its row a new id, without a lock: the second meets the unique key of the ' +
      'history, or finds its row gone (SQLAlchemy: StaleDataError). The reference stack locks the row first.',
    cases: [
      {
        dialogue: 'clear/twice at once',
        sometimes: true,
        seen: { 'outcome 200 + 409 Unique constraint violation, 1 archived': ['seen', 'never'] },
      },
      {
        dialogue: 'clear/twice at once',
        sometimes: true,
        seen: { 'outcome 200 + 500, 1 archived': ['seen', 'never'] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'counts a clear only if the run had ended',
    reference: 'counts every clear',
    reason: 'Changed with 3.2.',
    cases: [
      { route: 'rows', seen: { 'dag_run.clear_number': [ABSENT, 1] } },
      { route: 'run', seen: { 'body.dag_run.clear_number': [0, 1] } },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'knows no way to spare running tasks from a clear: 422',
    reference: 'answers 409',
    reason: 'prevent_running_task came with 3.2.',
    cases: [
      {
        route: 'clear',
        seen: {
          status: [422, 409],
          'body.detail': [['body.prevent_running_task extra_forbidden'], 'AirflowClearRunningTaskException: *'],
        },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'shows the statement and the error of a broken unique key',
    reference: 'hides both',
    reason: 'Hidden unless stack traces are asked for since 3.2.',
    cases: [
      {
        route: 'trigger',
        seen: {
          'body.detail.statement': ['INSERT INTO dag_run', 'hidden'],
          'body.detail.orig_error': ['duplicate key value violates unique constraint "*"', 'hidden'],
        },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'names the backfill that is not there',
    reference: 'says that there is none',
    reason: 'The same status in other words.',
    cases: inOtherWords('body.detail', ['Could not find backfill with id 999999', 'Backfill not found']),
  },
  {
    releases: BEFORE_3_2_2,
    airflow: 'writes DAG',
    reference: 'writes Dag',
    reason: 'The same status in other words.',
    cases: inOtherWords(
      'body.detail',
      ["DAG with dag_id: 'wt_nowhere' not found", "Dag with dag_id: 'wt_nowhere' not found"],
      ["Task 'nowhere' not found in DAG '<dag>'", "Task 'nowhere' not found in Dag '<dag>'"],
    ),
  },
  {
    releases: LINE_3_1,
    airflow: 'names what a bulk request has changed by its task alone, and what it has not found by a map index',
    reference: 'names DAG, run, task and map index of the one, and says of the other what it was asked for',
    reason: 'One request can be about several runs since 3.2.',
    cases: [
      { route: 'bulk', seen: { 'body.update.success': [['task'], [CHANGED]] } },
      {
        dialogue: 'bulk/what is not there, and bad bodies',
        step: 'unknown task',
        seen: {
          'body.update.errors': [
            [notFound('nowhere', 'None')],
            [{ error: 'No task instances found for dag_id: <dag>, run_id: <run>, task_id: nowhere', status_code: 404 }],
          ],
        },
      },
      {
        dialogue: 'bulk/what is not there, and bad bodies',
        step: 'unknown index',
        seen: { 'body.update.errors': [[notFound('task', '7')], [NO_SUCH_INDEX]] },
      },
    ],
  },
  {
    releases: ['3.2.1'],
    airflow: 'answers 200 to a bulk update of task instances and changes nothing; neither success nor errors name one',
    reference: 'changes them and names them',
    reason: 'What leaves its DAG and run to the path is not found again under them; fixed with 3.2.2.',
    cases: [
      { dialogue: BULK, step: 'mark', seen: { 'body.update.success': [[], [CHANGED]] } },
      {
        dialogue: BULK,
        step: 'after',
        seen: {
          'task.state': ['running', 'failed'],
          'task.duration': [ABSENT, 'until now'],
          'task.end_date': [ABSENT, '<time>'],
        },
      },
      {
        dialogue: BULK,
        step: 'again',
        seen: {
          'body.update.errors': [[], [{ error: 'Task id task is already in failed state', status_code: 409 }]],
        },
      },
      {
        dialogue: BULK,
        step: 'its heartbeat',
        seen: {
          status: [204, 409],
          body: [
            ACCEPTED,
            {
              detail: {
                current_state: 'failed',
                message: 'TI is no longer in the running state and task should terminate',
                reason: 'not_running',
              },
            },
          ],
        },
      },
      {
        dialogue: BULK,
        step: 'its success',
        seen: {
          status: [204, 409],
          body: [
            ACCEPTED,
            {
              detail: {
                message: 'TI was not in the running state so it cannot be updated',
                previous_state: 'failed',
                reason: 'invalid_state',
              },
            },
          ],
        },
      },
      {
        dialogue: BULK,
        step: 'at the end',
        seen: {
          'task.state': ['success', 'failed'],
          'task.duration': [300, 'until now'],
          'task.end_date': ['2026-02-01T10:05:00.000Z', '<time>'],
        },
      },
      { dialogue: BULK_TWO, step: 'index', seen: { 'body.update.success': [[], [CHANGED]] } },
      {
        dialogue: BULK_TWO,
        step: 'after',
        seen: {
          'task.state': ['queued', 'success'],
          'task.start_date': [ABSENT, '<time>'],
          'task.end_date': [ABSENT, '<time>'],
          'other.state': ['queued', 'success'],
          'other.start_date': [ABSENT, '<time>'],
          'other.end_date': [ABSENT, '<time>'],
        },
      },
    ],
  },
];
