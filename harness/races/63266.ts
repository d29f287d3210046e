import { ANY_LOAD } from '../../workloads/aims.ts';
import { ids, lateBranch, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const late = [1, 2, 3].map((n) => lateBranch(`wt_late_${n}`, 4));

export const skipOverwrites: KnownRace = {
  ...reported(63266),
  title: 'A branch skipped tasks that a worker was running or had finished, and their work was lost',
  marks: [
    { invariant: 'running-is-not-overwritten', variants: ['skip-downstream'] },
    { invariant: 'acknowledged-is-durable', variants: ['skip-downstream'] },
    { invariant: 'a-started-life-owns-its-task', variants: ['skip-downstream'] },
    { invariant: 'tasks-change-as-allowed', variants: ['api-execution: failed → skipped'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-63266',
      describe: 'Branches that skip tasks while workers run them (#63266)',
      duration_s: 30,
      dags: late,
      operators: [{ operator: 'trigger', dags: ids(late), every_ms: 2_000, start_after_ms: 0 }],
      aims: [...ANY_LOAD, 'running-is-not-overwritten'],
    },
    also: ['seeds', 'branches'],
    has: ['airflow@3.1.8'],
    has_not: 'airflow@3.2.1',
  },
  places: [
    {
      does: 'API server, skips what a branch does not follow',
      file: 'api_fastapi/execution_api/routes/task_instances.py',
      within: 'ti_skip_downstream',
      code: 'update(TI)',
    },
  ],
  reference: 'reference+skip-unguarded',
  related: ['skip-guard-without-null', 'skip-guard-queued'],
  differs:
    'The scenario `ha-500` has the setting of the report: five schedulers, branches, and tasks of minutes. But the ' +
    'report had about 500 workers; two cores, which schedulers, API servers and PostgreSQL share, bear 200 to 400 ' +
    'that live at once. All of them are simulated, with a heartbeat every 10 s on average.',
};
