import type { Defect } from './defect.ts';

export const maxActiveRunsExceeded: Defect = {
  name: 'max-active-runs-exceeded',
  summary: 'one run more than max_active_runs is started',
  story:
    'The comparison is <= where it should be <, or two schedulers count at once and each starts one. A DAG that says ' +
    'max_active_runs=1, because its runs must not overlap, overlaps.',
  caughtBy: ['max-active-runs-is-kept'],
  scenario: 'crowd',
  change: (below) => ({ startableRuns: (limit) => below.startableRuns(limit) + 1 }),
};
