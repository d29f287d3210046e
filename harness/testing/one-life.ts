import { STEADY_HABITS } from '../../workloads/shapes.ts';
import type { LifeEnd } from '../model/operation.ts';
import { Rng } from '../model/rng.ts';
import type { Habits } from '../model/scenario.ts';
import { CancelSource } from '../worker/cancel.ts';
import { workerClient } from '../worker/client.ts';
import { Hazards } from '../worker/hazards.ts';
import { RunningLife } from '../worker/life.ts';
import type { recordingServer } from './recording-server.ts';

const TI = { id: 'ti-1', dag_id: 'wt_a', run_id: 'r', task_id: 't', map_index: -1, try_number: 1 };

type RecordingServer = Awaited<ReturnType<typeof recordingServer>>;

/** Tests only: the life `w-1`, 1001, with heartbeats every 70 to 140 ms. */
export function oneLife(
  server: RecordingServer,
  { ms, habits, hazards = new Hazards(), cancel = new CancelSource() }: OneLife,
): Promise<LifeEnd> {
  return new RunningLife({
    spec: {
      life: 1,
      duplicateOf: null,
      worker: 'w-1',
      pid: 1001,
      workload: { token: 'token-1', ti: TI },
      task: { task_id: 't', upstream: [], duration_ms: [ms, ms] },
      fleet: {
        habits: { ...STEADY_HABITS, fails: 0, ...habits },
        heartbeat_ms: 70,
        parse_ms: [0, 0],
        timeout_ms: 1_000,
        retries: 1,
        connections: 4,
      },
      client: workerClient(undefined),
      follows: [],
      outlets: [],
      triggers: null,
      handedMs: server.clock.now(),
      seed: 1,
      name: 'one',
      turn: 0,
    },
    requests: server.requests,
    clock: server.clock,
    rng: new Rng(1),
    hazards: hazards.of(1, new Rng(2)),
    hooks: { isRevoked: () => false, onStarted: () => undefined, onLeaving: () => undefined, cancel },
  }).play();
}

interface OneLife {
  readonly ms: number;
  readonly habits: Partial<Habits>;
  readonly hazards?: Hazards;
  readonly cancel?: CancelSource;
}
