/**
 * The fleet as `run` has it, with its record, and nothing else: what is measured. What to play is said as JSON, and
 * what was measured is written to a file, which is there whole or not at all.
 *
 *     player.ts RESULT_FILE '{"socket": …}'
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompletionNotifier } from '../../harness/fleet/completion-notifier.ts';
import type { Engine } from '../../harness/fleet/engines/engine.ts';
import { openK6 } from '../../harness/fleet/engines/k6.ts';
import { K6_WORKER } from '../../harness/fleet/engines/k6-binary.ts';
import { NativeEngine } from '../../harness/fleet/engines/native.ts';
import { Fleet } from '../../harness/fleet/fleet.ts';
import { RunOperationLog } from '../../harness/fleet/operation-log.ts';
import { Dispatcher } from '../../harness/handoff/dispatcher.ts';
import type { Plan } from '../../harness/model/scenario.ts';
import { RunClock } from '../../harness/run-folder/clock.ts';
import { RunFolder } from '../../harness/run-folder/writer.ts';
import { workerClient } from '../../harness/worker/client.ts';
import { Hazards } from '../../harness/worker/hazards.ts';
import type { Measured, Play } from './play.ts';

const [resultFile = '', said = '{}'] = process.argv.slice(2);
const { socket, port, warmUpS, seconds, heartbeatMs, lifeMs, connections, k6 } = JSON.parse(said) as Play;

const LOOP_RESOLUTION_MS = 5;

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
        tasks: [{ task_id: 'work', upstream: [], duration_ms: [lifeMs, lifeMs] }],
      },
    ],
    fleet: {
      habits: {
        rtif: 1,
        rtif_twice: 0,
        xcom: 1,
        lost_answer: 0,
        fails: 0,
        silent_death: 0,
        defers: 0,
        impostor: 0,
      },
      // A life rests for as long as that to twice as long.
      heartbeat_ms: heartbeatMs / 1.5,
      parse_ms: [0, 0],
      timeout_ms: 60_000,
      retries: 1,
      connections,
    },
    operators: [],
    aims: [],
  },
  faults: [],
};

const record = new RunFolder(path.join(path.dirname(resultFile), `record-${process.pid}`));
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

const clock = new RunClock();
const fail = (error: Error) => console.error(error);
const context = { plan, record, clock, fail };
const executionUrls = [`http://127.0.0.1:${port}/execution`];
const operationLog = new RunOperationLog(record);
const hazards = new Hazards();
const engine = await openEngine();
const completions = new CompletionNotifier();
const fleet = new Fleet(context, { dagNamespace: 'wt_', engine, hazards, completions });
const dispatcher = await Dispatcher.listen({
  address: `unix:${socket}`,
  onWorkload: (workload, from, delivery) => fleet.begin(workload, from, delivery),
  onError: fail,
});
await sleep(warmUpS * 1000);

const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
loop.enable();
measuring = true;
const { ended: before, ...first } = operationLog.totals;
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
const measured: Measured = {
  live: fleet.live.length,
  requests_per_s: (operationLog.totals.ended - before) / took,
  failed: operationLog.totals.http5xx - first.http5xx + (operationLog.totals.http409 - first.http409),
  cpu_share: (used.user + used.system) / 1e6 / took,
  rss_bytes: mostRss,
  late_p50_ms: at(0.5),
  late_p99_ms: at(0.99),
  late_max_ms: at(1),
  loop_max_ms: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MS),
};
await fleet.close();
await dispatcher.close();
await engine.close();
await record.close();
writeFileSync(`${resultFile}.next`, JSON.stringify(measured));
renameSync(`${resultFile}.next`, resultFile);
process.exit(0);

async function openEngine(): Promise<Engine> {
  const { fleet } = plan.scenario;
  const { headers } = workerClient(undefined);
  if (!k6) return new NativeEngine({ fleet, headers, executionUrls, clock, operationLog, hazards });
  const start = (_: number, env: NodeJS.ProcessEnv) => startK6(k6.path, { ...process.env, ...env, GOMAXPROCS: '1' });
  const options = { listen: '127.0.0.1:0', vus: [k6.vus], onOpen: () => undefined, start };
  const stop = new AbortController().signal;
  return openK6(context, options, { executionUrls, operationLog, hazards, windows: () => [], stop });
}

/** On the stub's core. */
function startK6(program: string, env: NodeJS.ProcessEnv) {
  const child = spawn('taskset', ['-c', '1', program, ...K6_WORKER], { env, stdio: 'ignore' });
  return { name: 'k6', ended: once(child, 'exit').then(([code]) => `ended with code ${String(code)}`) };
}
