import { ANY_LOAD } from '../../workloads/aims.ts';
import { ids, lateBranch, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const late = [1, 2].map((n) => lateBranch(`wt_late_${n}`, 4));

export const notFollowed: KnownRace = {
  ...unreported('not-followed'),
  title: 'A scheduler skipped running tasks that a branch had not followed, because nothing else in the run was ready',
  marks: [
    { invariant: 'running-is-not-overwritten', variants: ['not followed'] },
    {
      invariant: 'tasks-change-as-allowed',
      // The last ones ended, or were deferred, between the scheduler's look and its write.
      variants: ['scheduled', 'queued', 'running', 'restarting', 'deferred', 'up_for_retry', 'success', 'failed'].map(
        (from) => `scheduler: ${from} → skipped, which a branch did not follow`,
      ),
    },
    { invariant: 'runs-change-as-allowed', variants: ['taken for stuck'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-not-followed',
      describe: 'Branches that decide against tasks while workers run them, in runs with nothing else to schedule',
      duration_s: 40,
      dags: late,
      operators: [{ operator: 'trigger', dags: ids(late), every_ms: 3_000, start_after_ms: 0 }],
      aims: [...ANY_LOAD, 'running-is-not-overwritten'],
    },
    also: ['branches'],
    has: ['airflow@3.3.2', 'airflow@3.4.0b2', 'airflow@3.2.2', 'airflow@3.2.1'],
    // There the branch itself skips what runs (#63266), and leaves nothing for the scheduler.
    has_not: 'airflow@3.1.8',
  },
  places: [
    {
      does: 'scheduler, skips what a branch did not follow, whatever the task does',
      file: 'ti_deps/deps/not_previously_skipped_dep.py',
      within: '_get_dep_statuses',
      code: 'ti.set_state(',
    },
  ],
  reference: 'reference+running-not-followed',
};
