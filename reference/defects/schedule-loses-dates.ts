import { type Defect, oneIn } from './defect.ts';

export const scheduleLosesDates: Defect = {
  name: 'schedule-loses-dates',
  summary: 'every other date of a schedule, more or less, gets no run',
  story:
    'The schedule moves on before the run of its date is certain: a lock that was not to be had, an error that is ' +
    'caught, and the day is not processed. There is no alert, because nothing has failed.',
  caughtBy: ['one-run-per-date'],
  scenario: 'storm',
  change: () => ({ createsRun: (dagId, date) => !oneIn(2, `${dagId} ${date.toISOString()}`) }),
};
