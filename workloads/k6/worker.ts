/**
 * A worker of the fleet, for the real k6: each VU borrows one life after another from the harness, plays it as the
 * harness itself would, and returns its record with it. Ends by itself when the run is over. Needs
 *
 *     WINDTUNNEL_LEASES   where lives are lent, such as http://127.0.0.1:40123
 *     WINDTUNNEL_TOKEN    the run's token
 *     WINDTUNNEL_VUS      lives that it plays at once
 */
import type { Options } from 'k6/options';
import { pause } from '../../harness/worker/cancel.ts';
import type { Lease } from '../../harness/worker/remote.ts';
import { Borrowed } from './borrowed.ts';
import { ask } from './desk.ts';

export const options: Options = {
  scenarios: {
    workers: {
      executor: 'per-vu-iterations',
      vus: Number(__ENV.WINDTUNNEL_VUS ?? 100),
      iterations: 1,
      // Longer than any run: the harness says when it is over.
      maxDuration: '240h',
      gracefulStop: '10s',
    },
  },
  // The harness has every request already; fewer labels are less memory and less work for each.
  systemTags: ['status', 'method', 'name', 'error_code'],
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
};

/** The desk may be restarting, or the run be over and gone. */
const AWAY_MS = 1_000;
const AWAY_TIMES = 15;

export default async function worker(): Promise<void> {
  for (let away = 0; away < AWAY_TIMES; ) {
    const { status, body } = await ask('/leases', { now_ms: Date.now() });
    if (status === 410) return;
    if (status === 200) await new Borrowed(JSON.parse(body) as Lease).play();
    else if (status !== 204) {
      if (status !== 0) console.error(`The harness lends no life (${status}): ${body}`);
      away++;
      await pause(AWAY_MS);
      continue;
    }
    away = 0;
  }
}
