import type { Defect } from './defect.ts';

export const silenceUnnoticed: Defect = {
  name: 'silence-unnoticed',
  summary: 'workers that no longer send heartbeats are never given up',
  story:
    'A pod is evicted, a machine goes away. The task stays in RUNNING, its slot stays taken, its run never ends, ' +
    'and the retries that it has are never used.',
  caughtBy: ['silent-deaths-are-noticed'],
  scenario: 'mishaps',
  durationS: 75,
  change: () => ({ silent: 'false' }),
};
