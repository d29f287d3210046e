import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const written = [1, 2].map((n) => fanOut(`wt_written_${n}`, 30, [2_000, 5_000]));

export const fieldsOfDeleted: KnownRace = {
  ...unreported('fields-of-deleted'),
  title:
    'A write of rendered fields or of an XCom was answered with 500 because its run had just been deleted: the ' +
    'foreign-key error is not handled',
  marks: [
    {
      invariant: 'error-contract',
      variants: ['rtif 500, task deleted during the request', 'xcom_push 500, task deleted during the request'],
    },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-fields-of-deleted',
      describe: 'Runs that are deleted while their workers write rendered fields',
      duration_s: 45,
      dags: written,
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, rtif_twice: 0.5 } },
      operators: [{ operator: 'trigger', dags: ids(written), every_ms: 2_500, start_after_ms: 1_000 }],
      chaos: { faults: ['delete-runs'], pause_ms: [0, 500], lasts_ms: [8_000, 10_000] },
      aims: [...ANY_LOAD, 'error-contract'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
