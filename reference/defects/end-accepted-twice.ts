import type { Defect } from './defect.ts';

export const endAcceptedTwice: Defect = {
  name: 'end-accepted-twice',
  summary: 'an end report that is sent again is carried out again',
  story:
    'The answer to an end report is lost and the client sends it again. Carried out twice, the task has two ends: ' +
    'two sets of asset events, two callbacks, a later end date. Idempotent would be to know it for the same report.',
  caughtBy: ['an-end-takes-effect-once'],
  scenario: 'mishaps',
  change: (below) => ({
    judgeEnd: (previous, requested) => (previous === requested ? 'carry-out' : below.judgeEnd(previous, requested)),
  }),
};
