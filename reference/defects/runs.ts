import { randomInt } from 'node:crypto';
import { everyMapIndex } from '../dags/create-run.ts';
import { type Defect, oneIn } from './defect.ts';

/** Which runs and task instances there are, and when they end. */
export const RUN_DEFECTS: readonly Defect[] = [
  {
    name: 'dag-starved',
    summary: 'the runs of the DAG that comes last by name are never examined',
    story:
      'The scheduler takes a bounded number of runs each loop, in an order that always begins with the same ones. ' +
      'Under enough load the last DAG is never reached: its runs are RUNNING, and nothing in them is ever scheduled.',
    caughtBy: ['every-dag-progresses'],
    scenario: 'crowd',
    durationS: 40,
    change: (below) => ({
      examinable: `(${below.examinable}) AND dag_run.dag_id <> (SELECT max(other.dag_id) FROM dag AS other)`,
    }),
  },

  {
    name: 'map-index-lost',
    summary: 'the last map index of a mapped task gets no task instance',
    story:
      'Indexes begin with 0, and the loop ends one too early. That the last file of the list is missing goes ' +
      'unnoticed: the run is a success.',
    caughtBy: ['every-map-index-once'],
    scenario: 'mishaps',
    change: () => ({ mapIndexes: (values) => everyMapIndex(values === undefined ? values : values - 1) }),
  },

  {
    name: 'run-ended-early',
    summary: 'a run is ended while one of its task instances is not',
    story:
      'The last task is counted as done when it is about to be. The run is a success, what waits for it begins, and ' +
      'the task that was left is never run, or fails in a run that has succeeded.',
    caughtBy: ['runs-change-as-allowed'],
    scenario: 'crowd',
    change: () => ({ mayEnd: (unfinished) => unfinished <= 1 }),
  },

  {
    name: 'schedule-loses-dates',
    summary: 'every other date of a schedule, more or less, gets no run',
    story:
      'The schedule moves on before the run of its date is certain: a lock that was not to be had, an error that is ' +
      'caught, and the day is not processed. There is no alert, because nothing has failed.',
    caughtBy: ['one-run-per-date'],
    scenario: 'storm',
    change: () => ({ createsRun: (dagId, date) => !oneIn(2, `${dagId} ${date.toISOString()}`) }),
  },

  {
    name: 'scheduler-crashes',
    summary: 'now and then an error that is not caught ends a scheduler',
    story:
      'One run that cannot be examined, for a template, a timetable or a deadlock that was not retried often enough, ' +
      'and the process is gone. It is started again and meets the same run. Nothing is lost, but for a minute no ' +
      'scheduler adopts its tasks. Airflow 3.2.1 was seen to end so after a deadlock between two schedulers.',
    caughtBy: ['processes-stay-alive'],
    scenario: 'storm',
    durationS: 20,
    change: () => ({
      async betweenReadAndWrite(_tx, ready) {
        if (ready > 0 && randomInt(3) === 0) throw new Error('this run cannot be examined');
      },
    }),
  },

  {
    name: 'resumed-to-queued',
    summary: 'a trigger that has fired sets its task to QUEUED instead of SCHEDULED',
    story:
      'No scheduler has queued it: no slot of its pool was counted, and no scheduler hands it to a worker. The task ' +
      'waits until it is taken for stuck, ten minutes later.',
    caughtBy: ['tasks-change-as-allowed', 'work-goes-on'],
    scenario: 'mishaps',
    change: () => ({ resumedState: 'queued' }),
  },

  {
    name: 'triggers-left-behind',
    summary: 'triggers that no task waits for any more are not deleted',
    story:
      'Each deferral leaves its trigger. After a week the triggerer watches a hundred thousand files for no task, ' +
      'and the tasks that do wait for a trigger wait long.',
    caughtBy: ['triggers-end-with-their-deferral'],
    scenario: 'mishaps',
    durationS: 45,
    change: () => ({ unusedTriggers: 'false' }),
  },
];
