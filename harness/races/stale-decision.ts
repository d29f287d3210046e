import { type KnownRace, unreported } from './race.ts';

export const staleDecision: KnownRace = {
  ...unreported('stale-decision'),
  title: 'A scheduler’s trigger rule overwrote a final state that the task had reached after the scheduler read it',
  marks: [
    {
      invariant: 'tasks-change-as-allowed',
      variants: ['success', 'failed', 'skipped'].map((from) => `scheduler: ${from} → upstream_failed`),
    },
  ],
  trial: null,
  script_on: { has: 'airflow@3.3.2', has_not: null },
  reference: null,
};
