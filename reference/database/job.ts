import os from 'node:os';

import type pg from 'pg';

import { log } from '../log.ts';
import { TIMES } from '../settings.ts';

/** The types of job by the executor that their rows name. */
const EXECUTORS = { SchedulerJob: 'HandOffExecutor', DagProcessorJob: null, TriggererJob: null } as const;

export type JobType = keyof typeof EXECUTORS;

/** A row of `job`: how a process says that it lives, and how others find out that it does not. */
export class Job {
  readonly id: number;
  readonly #pool: pg.Pool;
  readonly #type: JobType;
  #beatAt = performance.now();

  private constructor(id: number, pool: pg.Pool, type: JobType) {
    this.id = id;
    this.#pool = pool;
    this.#type = type;
  }

  static async start(pool: pg.Pool, type: JobType): Promise<Job> {
    const { rows } = await pool.query<{ id: number }>(
      `INSERT INTO job (job_type, state, start_date, latest_heartbeat, executor_class, hostname, unixname)
       VALUES ($1, 'running', now(), now(), $2, $3, $4) RETURNING id`,
      [type, EXECUTORS[type], os.hostname(), os.userInfo().username],
    );
    const [row] = rows;
    if (!row) throw new Error(`no id came back for the ${type}`);
    return new Job(row.id, pool, type);
  }

  /** Writes a heartbeat if one is due. A database that is away is no error here: the next query will fail. */
  async beat(): Promise<void> {
    const now = performance.now();
    if (now - this.#beatAt < TIMES.jobHeartbeatMs) return;
    try {
      // A process that was stopped and taken for dead comes back to life: Airflow merges its own state, RUNNING, too.
      await this.#pool.query(`UPDATE job SET state = 'running', latest_heartbeat = now() WHERE id = $1`, [this.id]);
      this.#beatAt = now;
    } catch (error) {
      log('error', `${this.#type} heartbeat got an exception: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** `success` for one that was stopped. Never throws: the process ends either way. */
  async end(state: 'success' | 'failed'): Promise<void> {
    try {
      await this.#pool.query('UPDATE job SET state = $2, end_date = now() WHERE id = $1', [this.id, state]);
    } catch (error) {
      log('warning', `${this.#type} could not say that it ends: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** Does the work of a process under a row of `job`, which says at the end whether it returned or threw. */
export async function runJob(pool: pg.Pool, type: JobType, work: (job: Job) => Promise<void>): Promise<void> {
  const job = await Job.start(pool, type);
  try {
    await work(job);
    await job.end('success');
  } catch (error) {
    await job.end('failed');
    throw error;
  }
}
