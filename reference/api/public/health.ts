import { TIMES } from '../../settings.ts';
import type { Api } from '../api.ts';
import { pythonIso } from '../times.ts';
import type { PublicRoute } from './route.ts';

interface Part {
  readonly status: string | null;
  readonly heartbeat: string | null;
}

/** The newest job of a kind, running ones first. It is healthy if it runs and has sent a heartbeat lately. */
async function partOf(api: Api, jobType: string, none: string | null): Promise<Part> {
  const { rows } = await api.pool.query<{ state: string | null; latest_heartbeat: Date | null; age_ms: number | null }>(
    `SELECT job.state, job.latest_heartbeat,
       (EXTRACT(EPOCH FROM now() - job.latest_heartbeat) * 1000)::float8 AS age_ms
     FROM job WHERE job.job_type = $1
     ORDER BY CASE job.state WHEN 'running' THEN 0 ELSE 1 END, job.latest_heartbeat DESC LIMIT 1`,
    [jobType],
  );
  const [job] = rows;
  if (!job) return { status: none, heartbeat: null };
  const alive = job.state === 'running' && job.age_ms !== null && job.age_ms < TIMES.schedulerDeadMs;
  return {
    status: alive ? 'healthy' : 'unhealthy',
    heartbeat: job.latest_heartbeat === null ? null : pythonIso(job.latest_heartbeat),
  };
}

const UNKNOWN: Part = { status: 'unhealthy', heartbeat: null };

export const healthRoute: PublicRoute = {
  method: 'GET',
  path: '/monitor/health',
  open: true,
  async answer(api) {
    let metadatabase = 'healthy';
    const known = await Promise.all([
      partOf(api, 'SchedulerJob', 'unhealthy'),
      partOf(api, 'TriggererJob', null),
      partOf(api, 'DagProcessorJob', null),
    ]).catch((): readonly [Part, Part, Part] => {
      metadatabase = 'unhealthy';
      return [UNKNOWN, UNKNOWN, UNKNOWN];
    });
    const [scheduler, triggerer, processor] = known;
    return {
      metadatabase: { status: metadatabase },
      scheduler: { status: scheduler.status, latest_scheduler_heartbeat: scheduler.heartbeat },
      triggerer: { status: triggerer.status, latest_triggerer_heartbeat: triggerer.heartbeat },
      dag_processor: { status: processor.status, latest_dag_processor_heartbeat: processor.heartbeat },
    };
  },
};

export const versionRoute: PublicRoute = {
  method: 'GET',
  path: '/version',
  open: true,
  answer: async () => ({ version: '3.3.2', git_version: null }),
};
