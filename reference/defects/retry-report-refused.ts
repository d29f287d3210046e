import type { Defect } from './defect.ts';

export const retryReportRefused: Defect = {
  name: 'retry-report-refused',
  summary: 'a report that asks for another try is refused, though the task runs',
  story:
    'The guard of the end report lists the states that a running task may be given, and up_for_retry was forgotten ' +
    'when the list was rewritten. A worker that reports a failed task gets the answer that the task does not run; ' +
    'it stops, and the try ends only when its heartbeats have been missed for long enough.',
  caughtBy: ['refusals-have-a-cause'],
  scenario: 'mishaps',
  change: (below) => ({
    judgeEnd: (previous, requested) => (requested === 'up_for_retry' ? 'refuse' : below.judgeEnd(previous, requested)),
  }),
};
