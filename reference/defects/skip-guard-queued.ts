import type { Defect } from './defect.ts';

export const skipGuardQueued: Defect = {
  name: 'skip-guard-queued',
  kind: 'remedy',
  summary: 'the skip leaves QUEUED tasks alone, too, and the branch that was not chosen runs',
  story:
    'A guard that protects all tasks that an executor holds. A QUEUED task has done nothing yet: its worker would ' +
    'have got 409 at /run and ended. Protected, it starts, although the branch has decided against it.',
  caughtBy: ['skips-take-effect'],
  scenario: 'branches',
  change: () => ({ skippable: `(state IS NULL OR state NOT IN ('queued', 'running', 'success', 'failed'))` }),
};
