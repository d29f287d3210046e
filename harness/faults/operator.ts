import type { OperatorHazard } from '../model/misbehaviour.ts';
import { drawSeed, type Fault, notAllowed } from './fault.ts';

interface OperatorFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms'> {
  readonly action: OperatorHazard['action'];
  /** From one action to the next; drawn evenly for each window. */
  readonly every_ms: readonly [number, number];
}

/** API users who repeat one action while a window is open, on the harness's own DAGs. */
function operatorFault({ action, every_ms, ...fault }: OperatorFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'operators',
      with: { every_ms: Math.round(rng.between(...every_ms)), seed: drawSeed(rng) },
    }),
    async inject({ operators }, { with: drawn }) {
      return operators.openWindow({ action, every_ms: Number(drawn.every_ms), seed: Number(drawn.seed) });
    },
  };
}

export const OPERATOR_FAULTS: readonly Fault[] = [
  operatorFault({
    name: 'clear-storm',
    describe: 'An operator clears running tasks several times a second',
    lasts_ms: [3_000, 10_000],
    action: 'clear',
    every_ms: [150, 600],
  }),

  operatorFault({
    name: 'mark-storm',
    describe: 'An operator marks running tasks as success, failed or skipped several times a second',
    lasts_ms: [3_000, 10_000],
    action: 'mark',
    every_ms: [150, 600],
  }),

  // Airflow does not delete a running run: it is set back to queued first, while its tasks are running.
  operatorFault({
    name: 'delete-runs',
    describe: 'An operator deletes DAG runs with running tasks',
    lasts_ms: [3_000, 10_000],
    action: 'delete',
    every_ms: [2_000, 5_000],
  }),

  // Tasks that are scheduled already are worked on; tasks that depend on them wait until the DAGs are unpaused.
  operatorFault({
    name: 'pause-dags',
    describe: 'An operator pauses all DAGs of the scenario, and unpauses them',
    lasts_ms: [3_000, 10_000],
    action: 'pause',
    // It happens once: what is drawn is not used.
    every_ms: [1_000, 1_000],
  }),

  // The bulk route of task instances, in every release from 3.1 on: many rows of a run in one transaction. 3.2.1
  // answers 200 and changes nothing (docs/conformance.md).
  operatorFault({
    name: 'bulk-changes',
    describe: 'An operator changes the states of the running tasks of a run in one request',
    lasts_ms: [3_000, 10_000],
    action: 'bulk',
    every_ms: [500, 1_500],
  }),
];
