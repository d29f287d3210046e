import type { Defect } from './defect.ts';

export const missingIs500: Defect = {
  name: 'missing-is-500',
  summary: 'a task instance that is not there is answered 500',
  story:
    'The row is read with .one() and no code handles the exception. To the worker a 500 means "try again": a task ' +
    'that was cleared keeps working and sending requests instead of stopping at once. skip-downstream did this in ' +
    'Airflow 3.1.',
  caughtBy: ['error-contract'],
  scenario: 'mishaps',
  durationS: 30,
  change: () => ({ missing: () => ({ status: 500, body: { message: 'Internal server error' } }) }),
};
