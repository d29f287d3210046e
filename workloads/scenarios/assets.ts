import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ids, PLAIN_STACK, threeAtOnce } from '../shapes.ts';

const GOODS = 'wt_goods';
const PRICES = 'wt_prices';

/** Tasks make events of one asset, their ends spread over a second: some meet a scheduler that takes the first. */
const producer: DagSpec = {
  dag_id: 'wt_make',
  schedule: null,
  past_runs: 0,
  max_active_runs: 16,
  tasks: [
    { task_id: 'plan', upstream: [], duration_ms: [200, 500] },
    { task_id: 'make', upstream: ['plan'], mapped: 12, duration_ms: [500, 1_500], outlets: [GOODS] },
  ],
};

function consumer(dag_id: string, assets: NonNullable<DagSpec['assets']>): DagSpec {
  return {
    ...{ dag_id, schedule: null, past_runs: 0, max_active_runs: 32, assets },
    tasks: [{ task_id: 'only', upstream: [], duration_ms: [200, 800] }],
  };
}

const consumers = [1, 2, 3].map((n) => consumer(`wt_sell_${n}`, { any: [GOODS] }));
const eager = consumer('wt_watch', { any: [GOODS, PRICES] });
const patient = consumer('wt_invoice', { all: [GOODS, PRICES] });
const quoting = [1, 2].map((n) => consumer(`wt_quote_${n}`, { any: [PRICES] }));

/** What begins with data and not by a clock: events come while schedulers take those before them. */
export const scenario: Scenario = {
  ...PLAIN_STACK,
  name: 'assets',
  describe: 'Tasks and people make asset events at once, and DAGs wait for one asset, for any of two and for both',
  duration_s: 60,
  dags: [producer, ...consumers, eager, patient, ...quoting],
  operators: [
    // So rarely that an event which begins no run is not made good by the next one.
    { operator: 'trigger', dags: ['wt_make'], every_ms: 20_000, start_after_ms: 0 },
    ...threeAtOnce(3_000, 2_000, 5).map((timing) => ({
      operator: 'asset-event' as const,
      dags: ids(quoting),
      ...timing,
    })),
  ],
  aims: ['asset-events-begin-runs', 'asset-events-are-consumed-once'],
};
