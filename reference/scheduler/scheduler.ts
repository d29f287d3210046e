import { setTimeout as sleep } from 'node:timers/promises';

import { openPool } from '../database/connect.ts';
import { type Job, runJob } from '../database/job.ts';
import { log } from '../log.ts';
import type { Role } from '../role.ts';
import { TIMES } from '../settings.ts';
import { createAssetRuns } from './asset-runs.ts';
import { completeBackfills } from './backfills.ts';
import { createDueRuns } from './create-runs.ts';
import { DagBag } from './dag-bag.ts';
import { processExecutorEvents } from './events.ts';
import { examineRuns } from './examine-runs.ts';
import { HandOffExecutor } from './executor.ts';
import { adoptOrReset } from './orphans.ts';
import { reportSilent, timeOutTriggers, unstick } from './overdue.ts';
import { queueTasks } from './queue-tasks.ts';
import type { Scheduling } from './scheduling.ts';
import { startQueuedRuns } from './start-runs.ts';

/** The loop does one thing after another; a few connections are for what happens beside it. */
const CONNECTIONS = 5;
/** [scheduler] trigger_timeout_check_interval. */
const TRIGGER_CHECK_MS = 15_000;

/** `SchedulerJobRunner`: runs until it is stopped, or fails with an error that no retry cures. */
export async function runScheduler({ settings, behaviour, signal }: Role): Promise<void> {
  log('info', 'Starting the scheduler');
  const pool = openPool(settings, CONNECTIONS);
  const executor = new HandOffExecutor(settings, behaviour);
  try {
    await runJob(pool, 'SchedulerJob', (job) => {
      const scheduling: Scheduling = { pool, behaviour, executor, jobId: job.id, dags: new DagBag() };
      return loop(scheduling, job, signal);
    });
  } finally {
    await executor.end();
    await pool.end();
    log('info', 'Exited execute loop');
  }
}

/** `_run_scheduler_loop`. */
async function loop(scheduling: Scheduling, job: Job, signal: AbortSignal): Promise<void> {
  await adoptOrReset(scheduling);
  const timers = new Timers([
    { everyMs: TIMES.orphansCheckMs, action: () => adoptOrReset(scheduling) },
    { everyMs: TRIGGER_CHECK_MS, action: () => timeOutTriggers(scheduling) },
    { everyMs: TIMES.backfillCheckMs, action: () => completeBackfills(scheduling) },
    { everyMs: TIMES.heartbeatCheckMs, action: () => reportSilent(scheduling) },
    { everyMs: TIMES.queuedCheckMs, action: () => unstick(scheduling) },
  ]);
  while (!signal.aborted) {
    const queued = await schedulingPass(scheduling);
    await processExecutorEvents(scheduling);
    await job.beat();
    const nextEventMs = await timers.run();
    // While there is something to do, the scheduler does not rest. Executor events are nothing to do, as in Airflow.
    if (queued === 0) {
      await sleep(Math.min(TIMES.idleSleepMs, nextEventMs), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** `_do_scheduling`: its transactions, one after another; then the workers hear of it. Returns how much was queued. */
export async function schedulingPass(scheduling: Scheduling): Promise<number> {
  await createDueRuns(scheduling);
  await createAssetRuns(scheduling);
  await startQueuedRuns(scheduling);
  await examineRuns(scheduling);
  const queued = await queueTasks(scheduling);
  await scheduling.executor.publish(queued);
  return queued.length;
}

export interface Timer {
  readonly everyMs: number;
  readonly action: () => Promise<void>;
}

/** Actions that the loop runs when they are due, one after another: Airflow's `EventScheduler`. */
export class Timers {
  readonly #timers: { readonly timer: Timer; dueAt: number }[];

  constructor(timers: readonly Timer[]) {
    const now = performance.now();
    this.#timers = timers.map((timer) => ({ timer, dueAt: now + timer.everyMs }));
  }

  /** Runs what is due; returns the milliseconds until the next one is. */
  async run(): Promise<number> {
    for (const entry of this.#timers) {
      if (entry.dueAt > performance.now()) continue;
      await entry.timer.action();
      entry.dueAt = performance.now() + entry.timer.everyMs;
    }
    return Math.max(0, Math.min(...this.#timers.map(({ dueAt }) => dueAt)) - performance.now());
  }
}
