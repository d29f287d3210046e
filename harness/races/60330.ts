import { ANY_LOAD } from '../../workloads/aims.ts';
import { earlyBranch, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const early = [1, 2, 3].map((n) => earlyBranch(`wt_early_${n}`));

export const skippedIsScheduled: KnownRace = {
  ...reported(60330),
  title: 'A scheduler set tasks to SCHEDULED that a branch had skipped after the scheduler read them',
  marks: [{ invariant: 'skips-take-effect', variants: ['skipped, then scheduled', 'skipped, then running'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-60330',
      describe: 'Branches that skip tasks which a scheduler is about to schedule (#60330)',
      duration_s: 40,
      dags: early,
      operators: [{ operator: 'trigger', dags: ids(early), every_ms: 800, start_after_ms: 0 }],
      aims: [...ANY_LOAD, 'skips-take-effect'],
    },
    also: ['branches'],
    has: ['airflow@3.1.8'],
    has_not: 'airflow@3.2.1',
  },
  places: [
    {
      does: 'scheduler, sets to SCHEDULED what it found ready before',
      file: 'models/dagrun.py',
      within: 'schedule_tis',
      code: 'update(TI)',
    },
    {
      does: 'API server, skips what a branch does not follow',
      file: 'api_fastapi/execution_api/routes/task_instances.py',
      within: 'ti_skip_downstream',
      code: 'update(TI)',
    },
  ],
  reference: 'reference+schedule-unguarded',
};
