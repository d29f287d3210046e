/**
 * The fleet as `run` has it, with its record, and nothing else: what is measured. Told by its parent what to play;
 * prints one line of JSON.
 *
 *     node player.ts SOCKET PORT WARM_UP_S SECONDS HEARTBEAT_MS DURATION_MS CONNECTIONS
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { Fleet } from '../../harness/fleet/fleet.ts';
import type { Plan } from '../../harness/model/scenario.ts';
import { RunClock } from '../../harness/record/clock.ts';
import { RunFolder } from '../../harness/record/run-folder.ts';
import { STEADY_HABITS } from '../../workloads/shapes.ts';

const [socket = '', ...numbers] = process.argv.slice(2);
const [port = 0, warmUpS = 0, seconds = 0, heartbeat_ms = 0, durationMs = 0, connections = 0] = numbers.map(Number);

const plan: Plan = {
  seed: 1,
  scenario: {
    name: 'bench',
    describe: 'Lives that nothing happens to',
    duration_s: warmUpS + seconds,
    schedulers: 1,
    api_servers: 1,
    dags: [
      {
        dag_id: 'bench',
        schedule: null,
        past_runs: 0,
        max_active_runs: 1,
        tasks: [{ task_id: 'work', upstream: [], duration_ms: [durationMs, durationMs] }],
      },
    ],
    fleet: {
      habits: { ...STEADY_HABITS, xcom: 1, fails: 0 },
      heartbeat_ms,
      timeout_ms: 60_000,
      retries: 1,
      connections,
    },
    operators: [],
    aims: [],
  },
  faults: [],
};

const folder = mkdtempSync(path.join(tmpdir(), 'wt-bench-fleet-'));
const record = new RunFolder(path.join(folder, 'run'));
const late: number[] = [];
let measuring = false;
// The lateness of each request is in the record; it is read as it is written down, so that no second pass over a large
// file is needed. First sendings only: a retry waits on purpose.
const append = record.append.bind(record);
record.append = (table, row) => {
  append(table, row);
  if (!measuring || table !== 'operations') return;
  const { intended_ms, sent_ms } = row as { intended_ms: number; sent_ms: number };
  late.push(sent_ms - intended_ms);
};

const fleet = await Fleet.open({
  plan,
  executionUrls: [`http://127.0.0.1:${port}/execution`],
  handOffAddress: `unix:${socket}`,
  dagNamespace: 'wt_',
  record,
  clock: new RunClock(),
  onError: (error) => console.error(error),
});
console.log('ready');
await sleep(warmUpS * 1000);

const loop = monitorEventLoopDelay({ resolution: 5 });
loop.enable();
measuring = true;
const { ended: before, ...first } = fleet.numbers.totals;
const cpu = process.cpuUsage();
const began = performance.now();
let mostRss = 0;
while (performance.now() - began < seconds * 1000) {
  mostRss = Math.max(mostRss, process.memoryUsage.rss());
  await sleep(250);
}
measuring = false;
const took = (performance.now() - began) / 1000;
const used = process.cpuUsage(cpu);
late.sort((a, b) => a - b);
const at = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? null;
console.log(
  JSON.stringify({
    live: fleet.live.length,
    requests_per_s: (fleet.numbers.totals.ended - before) / took,
    failed: fleet.numbers.totals.http5xx - first.http5xx + (fleet.numbers.totals.http409 - first.http409),
    cpu_share: (used.user + used.system) / 1e6 / took,
    rss_bytes: mostRss,
    late_p50_ms: at(0.5),
    late_p99_ms: at(0.99),
    late_max_ms: at(1),
    loop_max_ms: loop.max / 1e6,
  }),
);
await fleet.close();
await record.close();
rmSync(folder, { recursive: true, force: true });
