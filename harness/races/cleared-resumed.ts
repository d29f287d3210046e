import { REAL_CLIENT, STEADY_HABITS } from '../../workloads/shapes.ts';
import { deferring, RESUMED } from './late-news.ts';
import { type KnownRace, unreported } from './race.ts';

const dag = deferring('wt_deferring', 8, { duration_ms: [3_000, 6_000] });

export const clearedResumed: KnownRace = {
  ...unreported('cleared-resumed'),
  title:
    'A task that was cleared while it ran its part after a deferral did not begin again from its beginning, but ' +
    'where its trigger had resumed it',
  marks: [{ invariant: 'results-belong-to-their-try', variants: ['cleared while resumed'] }],
  trial: {
    scenario: {
      ...RESUMED,
      name: 'race-cleared-resumed',
      describe: 'Tasks that are cleared after their deferral, with an executor that reports as real ones do',
      duration_s: 40,
      dags: [dag],
      // A worker that is stopped works on, as Python does, and leaves a result.
      fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0, defers: 1, xcom: 1, ends_on_sigterm: 0 } },
      operators: [
        { operator: 'trigger', dags: [dag.dag_id], every_ms: 4_000, start_after_ms: 0 },
        { operator: 'clear', dags: [dag.dag_id], every_ms: 400, start_after_ms: 5_000 },
      ],
      aims: ['results-belong-to-their-try'],
    },
    has: ['airflow@3.3.2'],
    has_not: 'airflow@3.4.0b2',
  },
  reference: 'reference+restart-resumes',
};
