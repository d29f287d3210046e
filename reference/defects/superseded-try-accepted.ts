import type { Defect } from './defect.ts';

export const supersededTryAccepted: Defect = {
  name: 'superseded-try-accepted',
  summary: 'the heartbeat of a try that was cleared away is accepted',
  story:
    'The UPDATE matched no row, and the code does not check why. The worker of a try that an operator cleared is ' +
    'never stopped, so that the old and the new try work side by side until the old one ends.',
  caughtBy: ['a-superseded-try-is-refused'],
  scenario: 'mishaps',
  durationS: 30,
  change: (below) => ({
    missing: (route, archived) => (route === 'heartbeat' ? { status: 204 } : below.missing(route, archived)),
  }),
};
