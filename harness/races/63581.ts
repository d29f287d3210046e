import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const fields = [1, 2].map((n) => fanOut(`wt_fields_${n}`, 30, [2_000, 5_000]));

export const renderedFieldsTwice: KnownRace = {
  ...reported(63581),
  title: 'Of two concurrent writes of the same rendered fields one was refused with 409, which fails the task',
  marks: [
    {
      invariant: 'rtif-last-writer-wins',
      variants: ['two at once', 'retry of a lost answer', 'another try', 'another write'],
    },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-63581',
      describe: 'Workers that write their rendered fields twice concurrently, as after a lost answer (#63581)',
      duration_s: 30,
      dags: fields,
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, rtif_twice: 0.5 } },
      operators: [{ operator: 'trigger', dags: ids(fields), every_ms: 8_000, start_after_ms: 3_000 }],
      aims: [...ANY_LOAD, 'rtif-last-writer-wins'],
    },
    also: ['seeds'],
    has: ['airflow@3.2.2'],
    has_not: 'airflow@3.3.2',
  },
  places: [
    {
      does: 'API server, reads the row and then inserts it',
      file: 'models/renderedtifields.py',
      within: 'write',
      code: 'session.merge(self)',
    },
  ],
  reference: 'reference+rtif-merge',
  related: ['rtif-retry-once'],
};
