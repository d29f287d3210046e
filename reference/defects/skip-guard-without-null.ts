import type { Defect } from './defect.ts';

export const skipGuardWithoutNull: Defect = {
  name: 'skip-guard-without-null',
  kind: 'remedy',
  summary: 'the skip is guarded by state NOT IN (…), which is never true of tasks that have no state yet',
  story:
    'The obvious guard for #63266. In SQL, NULL NOT IN (…) is NULL, so the tasks that most need skipping, those ' +
    'that are not scheduled yet, are left alone: the request is answered 204, and the branch that was not chosen ' +
    'runs.',
  caughtBy: ['skips-take-effect'],
  scenario: 'branches',
  change: () => ({ skippable: `state NOT IN ('running', 'success', 'failed')` }),
};
