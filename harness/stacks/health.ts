import { request } from 'undici';

const TIMEOUT_MS = 5_000;

/** Whether every API server answers, and Airflow says of itself that a scheduler and a dag-processor are alive. */
export async function isHealthy(executionUrls: readonly string[], publicUrl: string): Promise<boolean> {
  const checks = [
    ...executionUrls.map((url) => answers(`${url}/health`)),
    answers(`${publicUrl}/api/v2/monitor/health`, schedulerIsHealthy),
  ];
  return (await Promise.all(checks)).every(Boolean);
}

async function answers(url: string, isGood: (body: unknown) => boolean = () => true): Promise<boolean> {
  try {
    const answer = await request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    const body: unknown = await answer.body.json();
    return answer.statusCode === 200 && isGood(body);
  } catch {
    return false; // Not up, or not up yet: the caller has a deadline.
  }
}

function schedulerIsHealthy(body: unknown): boolean {
  const health = body as Record<string, { status?: string } | undefined>;
  return health.scheduler?.status === 'healthy' && health.dag_processor?.status === 'healthy';
}
