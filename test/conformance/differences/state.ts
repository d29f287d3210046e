import { ABSENT, ACCEPTED } from '../observation.ts';
import { BEFORE_3_3, type Difference, LINE_3_1 } from './difference.ts';

const REFUSED = {
  detail: {
    message: 'TI was not in the running state so it cannot be updated',
    previous_state: '*',
    reason: 'invalid_state',
  },
};
const NOW = '<time>';
const TIMES = { start: '2026-02-01T10:00:00.000Z', end: '2026-02-01T10:05:00.000Z' };
const TRIGGER = 'airflow.providers.standard.triggers.temporal.TimeDeltaTrigger';

export const stateDifferences: readonly Difference[] = [
  {
    releases: BEFORE_3_3,
    airflow: 'answers 409 to an end report that is sent again',
    reference: 'answers 200, as nothing is left to do',
    reason: 'Since 3.3 (#63355) the requested state is checked first: a client that lost the answer sends again.',
    cases: [
      { route: 'state', seen: { status: [409, 200], body: [REFUSED, ACCEPTED] } },
      {
        dialogue: 'state/success twice at once',
        seen: { 'outcome 204 + 409 invalid_state (success): success, 0 archived': ['seen', 'never'] },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'archives a try that asks for its retry with the time at which the request came',
    reference: 'archives it with the end that the worker sent',
    reason: 'Since 3.3 the end is put on the row before the row is copied.',
    cases: [
      { route: 'rows', seen: { '*.duration': ['until now', 300], '*.end_date': [NOW, TIMES.end] } },
      { route: 'rows', seen: { '*.duration': ['until now', 300], '*.history': ['*', '*'] } },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'knows no state awaiting_input: 422',
    reference: 'takes it for one that no worker may ask for, and fails the task',
    reason: 'The state came with 3.3. A report without its fields is taken by the catch-all, which fails the task.',
    cases: [
      { step: 'state', route: 'state', seen: { status: [422, 204], body: ['*', ACCEPTED] } },
      {
        step: 'replay',
        route: 'state',
        seen: { status: [422, 409], 'body.detail': [['body fits no end report'], REFUSED.detail] },
      },
      {
        dialogue: 'state/the odd state awaiting_input',
        route: 'rows',
        seen: {
          'task.state': ['running', 'failed'],
          'task.end_date': [ABSENT, NOW],
          'task.duration': [ABSENT, 'until now'],
        },
      },
    ],
  },
  {
    releases: BEFORE_3_3,
    airflow: 'answers 409 to one of two first writes of rendered fields at once',
    reference: 'answers 201 to both',
    reason: 'It looks and then inserts, up to 3.2.2 (#63581): what the scenario `seeds` is there to find.',
    cases: [
      {
        dialogue: 'rtif/two at once',
        sometimes: true,
        seen: { 'outcome 201 + 409 Unique constraint violation, one row': ['seen', 'never'] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'skips tasks that run or have ended',
    reference: 'leaves them alone',
    reason: 'skip-downstream has no condition on the state before 3.2 (#63266).',
    cases: [
      {
        dialogue: 'skip/a running task',
        step: 'after',
        seen: {
          'running.state': ['skipped', 'running'],
          'running.start_date': [NOW, TIMES.start],
          'running.end_date': [NOW, ABSENT],
        },
      },
      {
        dialogue: 'skip/a running task',
        route: 'heartbeat',
        seen: {
          status: [409, 204],
          body: [
            {
              detail: {
                current_state: 'skipped',
                message: 'TI is no longer in the running state and task should terminate',
                reason: 'not_running',
              },
            },
            ACCEPTED,
          ],
        },
      },
      { dialogue: 'skip/a running task', route: 'state', seen: { status: [409, 204], body: [REFUSED, ACCEPTED] } },
      {
        dialogue: 'skip/a running task',
        step: 'at the end',
        seen: {
          'running.state': ['skipped', 'success'],
          'running.start_date': [NOW, TIMES.start],
          'running.end_date': [NOW, TIMES.end],
          'running.duration': [ABSENT, 300],
        },
      },
      {
        dialogue: 'skip/a task that has ended',
        seen: {
          'ended.state': ['skipped', 'success'],
          'ended.start_date': [NOW, TIMES.start],
          'ended.end_date': [NOW, TIMES.end],
        },
      },
      {
        dialogue: 'skip/itself, before the start and after the end',
        route: 'state',
        seen: { status: [409, 204], body: [REFUSED, ACCEPTED] },
      },
      {
        dialogue: 'skip/itself, before the start and after the end',
        route: 'rows',
        seen: {
          'branch.state': ['skipped', 'success'],
          'branch.start_date': [NOW, TIMES.start],
          'branch.end_date': [NOW, TIMES.end],
          'branch.duration': [ABSENT, 300],
        },
      },
      {
        dialogue: 'skip/against a start at once',
        sometimes: true,
        seen: { 'outcome 200 + 204, skipped': ['seen', 'never'] },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'answers 500 to a skip by a task instance that is not there',
    reference: 'answers 404',
    reason: 'The row is read without a look at whether there is one.',
    cases: [
      {
        route: 'skip-downstream',
        seen: {
          status: [500, 404],
          'body.message': ['Internal server error', ABSENT],
          'body.detail': [ABSENT, { message: 'Task Instance not found', reason: 'not_found' }],
        },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'answers 404 to a heartbeat of a try that is archived',
    reference: 'answers 410',
    reason: 'The history is asked since 3.2.1 (#61631).',
    cases: [
      {
        route: 'heartbeat',
        seen: {
          status: [404, 410],
          'body.detail.message': [
            'Task Instance not found',
            'Task Instance not found, it may have been moved to the Task Instance History table',
          ],
        },
      },
    ],
  },
  {
    releases: LINE_3_1,
    airflow: 'answers 500 to a deferral whose next arguments are plain JSON, and the task keeps running',
    reference: 'keeps them as they come',
    reason:
      "Before 3.2 the server decodes Airflow's own encoding, which plain JSON is not. Empty arguments are not kept " +
      'at all.',
    cases: [
      {
        dialogue: 'state/deferred without a time-out, with next arguments',
        step: 'state',
        seen: { status: [500, 204], body: [{ detail: 'Database error occurred' }, ACCEPTED] },
      },
      {
        dialogue: 'state/deferred without a time-out, with next arguments',
        step: 'replay',
        seen: { status: [500, 200], body: [{ detail: 'Database error occurred' }, ACCEPTED] },
      },
      {
        dialogue: 'state/deferred without a time-out, with next arguments',
        route: 'rows',
        seen: {
          'task.state': ['running', 'deferred'],
          'task.next_method': [ABSENT, 'resume'],
          'task.next_kwargs': [ABSENT, { a: 1 }],
          'task.trigger': [ABSENT, TRIGGER],
        },
      },
      { route: 'rows', seen: { '*.next_kwargs': [ABSENT, {}] } },
    ],
  },
];
