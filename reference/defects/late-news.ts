import type { Defect } from './defect.ts';

const LATE =
  'An executor learns that a worker has ended when its process has: the log was uploaded first, or a listener worked ' +
  'on. By then the task may be in its next part, under the same key. ';

/** What is made of news about an earlier part of a try. */
export const LATE_NEWS_DEFECTS: readonly Defect[] = [
  {
    name: 'late-news-scheduled',
    summary: 'a deferred task that is SCHEDULED again is failed when the executor reports the end of its first part',
    story:
      `${LATE}"The executor says that it ended, the database says SCHEDULED": the scheduler takes that for a worker ` +
      'that was killed. Airflow up to 3.2.1.',
    caughtBy: ['tasks-change-as-allowed'],
    scenario: 'race-66374',
    durationS: 40,
    change: (below) => ({
      isOfPartBefore: (ti) => below.isOfPartBefore(ti) && (ti.is_rescheduled || ti.state !== 'scheduled'),
    }),
  },

  {
    name: 'late-news-queued',
    summary: 'a deferred task that is QUEUED again is failed when the executor reports the end of its first part',
    story:
      `${LATE}The guard of 3.2.2 names SCHEDULED alone, and the executor does not know what it has in its queue. ` +
      'Airflow up to 3.3.',
    caughtBy: ['tasks-change-as-allowed'],
    scenario: 'race-67287',
    durationS: 40,
    change: (below) => ({
      knowsWhatRuns: false,
      isOfPartBefore: (ti) => below.isOfPartBefore(ti) && (ti.is_rescheduled || ti.state !== 'queued'),
    }),
  },

  {
    name: 'late-news-running',
    summary:
      'a deferred task that has been resumed and runs is failed when the executor reports the end of its first part',
    story:
      `${LATE}"The executor says that it ended, the database says RUNNING" is a worker that died, unless the ` +
      'executor knows that it has another one at it. LocalExecutor knows that from 3.4 on.',
    caughtBy: ['running-is-not-overwritten'],
    scenario: 'race-72716',
    durationS: 40,
    change: () => ({ knowsWhatRuns: false }),
  },

  {
    name: 'late-news-rescheduled',
    summary: 'a sensor that is to look again is failed when the executor reports the end of its look before',
    story:
      `${LATE}What distinguishes a resumed task from one that was killed is its next_method, and a sensor in mode ` +
      '"reschedule" has none. Airflow up to 3.4.',
    caughtBy: ['tasks-change-as-allowed'],
    scenario: 'race-71172',
    durationS: 40,
    change: (below) => ({ isOfPartBefore: (ti) => below.isOfPartBefore(ti) && ti.next_method !== null }),
  },

  {
    name: 'restart-resumes',
    summary: 'a task that is cleared in its part after a deferral begins again there, and not from its beginning',
    story:
      'A clear of a running task is carried out when its executor says that the worker has ended. What the trigger ' +
      'had left for the part that ran is kept then, so that the new try continues where the trigger had resumed the ' +
      'one before, with its results. Airflow up to 3.3.',
    caughtBy: ['results-belong-to-their-try'],
    scenario: 'race-cleared-resumed',
    durationS: 40,
    change: () => ({ beginsAgain: false }),
  },
];
