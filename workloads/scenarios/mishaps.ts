import type { Scenario } from '../../harness/model/scenario.ts';
import { TROUBLED_WORK } from '../aims.ts';
import { fanOut, mappedOver, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const calm = fanOut('wt_calm', 20, [4_000, 9_000]);
const mapped = mappedOver('wt_mapped', 8, 4);
const rough = fanOut('wt_rough', 20, [4_000, 9_000]);

/** Failures of an ordinary day that are not Airflow's: it must handle them and lose nothing. */
export const scenario: Scenario = {
  name: 'mishaps',
  describe:
    'Lost answers and replays, retries, deferrals, workers that die silently, impostors, operators that clear and mark',
  duration_s: 90,
  schedulers: 2,
  api_servers: 1,
  dags: [calm, rough, mapped],
  fleet: {
    ...REAL_CLIENT,
    habits: {
      ...STEADY_HABITS,
      rtif_twice: 0,
      xcom: 0.6,
      lost_answer: 0.1,
      fails: 0.1,
      silent_death: 0.05,
      defers: 0.15,
      impostor: 0.1,
    },
  },
  operators: [
    { operator: 'trigger', dags: [calm.dag_id, rough.dag_id, mapped.dag_id], every_ms: 8_000, start_after_ms: 3_000 },
    { operator: 'clear', dags: [rough.dag_id, mapped.dag_id], every_ms: 3_000, start_after_ms: 8_000 },
    { operator: 'mark', dags: [rough.dag_id], every_ms: 5_000, start_after_ms: 10_000 },
  ],
  aims: [
    ...TROUBLED_WORK,
    'every-map-index-once',
    'max-active-tasks-is-kept',
    'one-run-per-date',
    'silent-deaths-are-noticed',
    'triggers-end-with-their-deferral',
  ],
};
