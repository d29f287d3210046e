import type { Defect } from './defect.ts';

const RETRYABLE = new Set(['40P01', '40001']);

export const deadlock503: Defect = {
  name: 'deadlock-503',
  kind: 'remedy',
  summary: 'a deadlock is answered 503 with Retry-After: nothing is lost, but the deadlocks stay',
  story:
    'The retryable answer that the report asks for. The worker comes back after the pause that the answer asks for, ' +
    'and the task ends as it should. What remains is the cost: PostgreSQL waits for deadlock_timeout each time, ' +
    'with both rows locked, and when the scheduler is the victim its whole loop is thrown away.',
  caughtBy: ['no-deadlocks'],
  scenario: 'storm',
  on: ['state-lock-joined'],
  change: (below) => ({
    failureReply(error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!RETRYABLE.has(code)) return below.failureReply(error);
      return {
        status: 503,
        headers: { 'retry-after': '1' },
        body: { detail: { reason: 'retryable', message: 'The database asks to try again' } },
      };
    },
  }),
};
