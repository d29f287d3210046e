import type { Defect } from './defect.ts';

export const skipGuardQueued: Defect = {
  name: 'skip-guard-queued',
  kind: 'remedy',
  summary: 'the skip leaves QUEUED tasks alone, too, and the branch that was not chosen runs',
  story:
    'A guard that protects whatever an executor holds. A QUEUED task has done nothing yet: its worker would have been ' +
    'told 409 at /run and have gone away. Protected, it starts, although the branch has decided against it.',
  caughtBy: ['skips-take-effect'],
  scenario: 'branches',
  change: () => ({ skippable: `(state IS NULL OR state NOT IN ('queued', 'running', 'success', 'failed'))` }),
};
