import { StackError } from '../model/errors.ts';
import type { FleetHazard, Misbehaviour } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import type { PlannedFault } from '../model/scenario.ts';
import { type Fault, notAllowed } from './fault.ts';

interface ClientFault extends Pick<Fault, 'name' | 'describe' | 'lasts_ms' | 'skewsClocks'> {
  readonly misbehaviour: Misbehaviour | ((rng: Rng) => Misbehaviour);
  /** The share of the occasions (a start, a request, a heartbeat) that are taken; drawn evenly for each window. */
  readonly share: readonly [number, number];
  /** See `FleetHazard.ms`. */
  readonly ms?: readonly [number, number];
}

/** Workers that misbehave while a window is open. A target can host them: they send what clients may send. */
function clientFault({ misbehaviour, share, ms, ...fault }: ClientFault): Fault {
  return {
    ...fault,
    unavailable: notAllowed,
    draw: (_host, rng) => ({
      victim: 'fleet',
      with: {
        misbehaviour: typeof misbehaviour === 'function' ? misbehaviour(rng) : misbehaviour,
        share: Number(rng.between(...share).toFixed(2)),
      },
    }),
    hazard: (drawn) => hazardOf(drawn, ms),
    async inject({ fleet }, { with: drawn }) {
      return fleet.openWindow(hazardOf(drawn, ms));
    },
  };
}

function hazardOf({ misbehaviour, share }: PlannedFault['with'], ms: ClientFault['ms']): FleetHazard {
  if (misbehaviour === undefined) throw new StackError('The plan names no misbehaviour: another version made it.');
  return { misbehaviour: misbehaviour as Misbehaviour, share: Number(share), ...(ms ? { ms } : {}) };
}

export const CLIENT_FAULTS: readonly Fault[] = [
  // Answers are dropped after they came, and the request is sent again, whatever it was: the server has carried it out
  // and sees a replay. A cut connection leaves open whether the server carried the request out; here it always did.
  clientFault({
    name: 'lost-answers',
    describe: 'Workers drop answers of any kind after these arrived, and send the request again',
    lasts_ms: [4_000, 15_000],
    misbehaviour: 'lost_answer',
    share: [0.2, 0.6],
  }),

  // As from a queue that delivers at least once. The worker that is refused reports nothing, like Airflow's own
  // executors since they know of it: a report would fail the other's task.
  clientFault({
    name: 'duplicate-delivery',
    describe: 'Workloads are delivered to two workers, at once or seconds apart, and both start them',
    lasts_ms: [5_000, 15_000],
    misbehaviour: 'duplicate_delivery',
    share: [0.3, 0.8],
    // The second comes while the first starts, while it works, or after its end.
    ms: [0, 8_000],
  }),

  // Workers wait for a machine before they start.
  clientFault({
    name: 'late-start',
    describe: 'Workers start their tasks seconds late, when these may have been cleared or given to other workers',
    lasts_ms: [5_000, 15_000],
    misbehaviour: 'late_start',
    share: [0.3, 0.9],
    ms: [3_000, 15_000],
  }),

  // Some report just before they would be given up.
  clientFault({
    name: 'late-end',
    describe: 'Workers send nothing at the end of their work and report it seconds late',
    lasts_ms: [5_000, 15_000],
    misbehaviour: 'late_end',
    share: [0.3, 0.9],
    ms: [2_000, 28_000],
  }),

  // While they work, or at the end of it.
  clientFault({
    name: 'silent-death',
    describe: 'Workers die without a report, and the scheduler must notice',
    lasts_ms: [2_000, 8_000],
    misbehaviour: 'silent_death',
    share: [0.1, 0.4],
  }),

  // As on a machine that hangs. Unlike after a silent death, the worker comes back: it sends heartbeats and reports the
  // end of a task that may be another worker's by then.
  clientFault({
    name: 'zombies',
    describe: 'Workers hang, some until the heartbeat time-out has failed their task, and then report its end',
    lasts_ms: [8_000, 55_000],
    misbehaviour: 'zombie',
    share: [0.1, 0.4],
    // The heartbeat time-out of our stacks is 30 s, and schedulers look every 5 s, later when they are busy: workers
    // come back from the moment they are given up to long after it.
    ms: [29_000, 50_000],
  }),

  clientFault({
    name: 'impostors',
    describe: 'Other workers send heartbeats and starts for tasks that have an owner, with the tokens of the owners',
    lasts_ms: [5_000, 15_000],
    misbehaviour: 'impostor',
    share: [0.3, 0.8],
  }),

  // Fast and slow clocks, so that tasks start or end at odd times.
  clientFault({
    name: 'skewed-clocks',
    describe: 'Workers with clocks up to five minutes fast or slow report when tasks began and ended',
    skewsClocks: true,
    lasts_ms: [5_000, 15_000],
    misbehaviour: 'skewed_clock',
    share: [0.3, 0.8],
    ms: [-300_000, 300_000],
  }),

  // Once, when the window opens: as after a cut that has stopped all workers.
  clientFault({
    name: 'thundering-herd',
    describe: 'All workers send a heartbeat, or the ends of their tasks, at the same moment',
    lasts_ms: [1_000, 3_000],
    misbehaviour: (rng) => rng.pick(['herd_heartbeat', 'herd_end']),
    share: [1, 1],
  }),
];
