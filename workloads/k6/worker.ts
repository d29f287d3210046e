/**
 * A worker of the fleet, for the real k6: each VU asks the harness for one life after another, plays it as the harness
 * itself would, and reports its requests. Ends by itself when the run has ended. Needs
 *
 *     WINDTUNNEL_URL      where the harness listens for workers, such as http://127.0.0.1:40123
 *     WINDTUNNEL_TOKEN    the run's token
 *     WINDTUNNEL_VUS      lives that it plays at once
 */
import type { Options } from 'k6/options';
import { cancellableSleep } from '../../harness/worker/cancel.ts';
import type { Lease } from '../../harness/worker/remote.ts';
import { RemoteClock } from '../../harness/worker/remote-clock.ts';
import { askHarness } from './harness.ts';
import { RemoteLife } from './remote-life.ts';

export const options: Options = {
  scenarios: {
    workers: {
      executor: 'per-vu-iterations',
      vus: Number(__ENV.WINDTUNNEL_VUS ?? 100),
      iterations: 1,
      // Longer than any run: the harness ends it.
      maxDuration: '240h',
      gracefulStop: '10s',
    },
  },
  // The harness has every request already; fewer labels are less memory and less work for each.
  systemTags: ['status', 'method', 'name', 'error_code'],
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
};

/** The harness may not listen yet, or be gone with its run. */
const AWAY_MS = 1_000;
const AWAY_TIMES = 15;

/** A name for this k6, by which the record knows its clock. */
export function setup(): string {
  return `k6-${Math.random().toString(36).slice(2, 8)}`;
}

export default async function worker(process: string): Promise<void> {
  const clock = new RemoteClock();
  for (let away = 0; away < AWAY_TIMES; ) {
    const answered = clock.exchange();
    const { status, body } = await askHarness('/leases', {});
    if (status === 410) return;
    if (status === 200) {
      const lease = JSON.parse(body) as Lease;
      answered(lease, lease.startedAt);
      await new RemoteLife(lease, clock, process).play();
    } else if (status !== 204) {
      if (status !== 0) console.error(`The harness gave no life (${status}): ${body}`);
      away++;
      await cancellableSleep(AWAY_MS);
      continue;
    }
    away = 0;
  }
}
