import type { Defect } from './defect.ts';

export const tryNumberSkipped: Defect = {
  name: 'try-number-skipped',
  summary: 'scheduling now and then raises the try number by two',
  story:
    'Two places raise the counter, each believing that the other does not. A retry is lost without having been ' +
    'tried, and the tries of a task are numbered 1, 3, 4.',
  caughtBy: ['history-is-complete'],
  scenario: 'crowd',
  change: (below) => ({
    nextTryNumber: `(${below.nextTryNumber}) + CASE WHEN try_number > 0 AND random() < 0.5 THEN 1 ELSE 0 END`,
  }),
};
