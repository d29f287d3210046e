import { request } from 'undici';

import { isRecord } from '../model/json.ts';

const TIMEOUT_MS = 5_000;

/** One thing that must be so before a stack is used; `isReady` takes at most 5 s. */
export interface HealthCheck {
  readonly name: string;
  isReady(): Promise<boolean>;
}

/**
 * Every API server answers, and Airflow says of itself that a scheduler and a dag-processor are alive. `parses`:
 * whether there is a dag-processor yet.
 */
export function healthChecks(executionUrls: readonly string[], publicUrl: string, parses = true): HealthCheck[] {
  const health = `${publicUrl}/api/v2/monitor/health`;
  return [
    ...executionUrls.map((url, i) => ({ name: `api-execution-${i + 1}`, isReady: () => answers(`${url}/health`) })),
    { name: 'api-core-1', isReady: () => answers(health) },
    {
      name: parses ? 'a scheduler and the dag-processor' : 'a scheduler',
      isReady: () =>
        answers(health, (body) => isAlive(body, 'scheduler') && (!parses || isAlive(body, 'dag_processor'))),
    },
  ];
}

export async function isHealthy(executionUrls: readonly string[], publicUrl: string): Promise<boolean> {
  const checks = healthChecks(executionUrls, publicUrl);
  return (await Promise.all(checks.map(({ isReady }) => isReady()))).every(Boolean);
}

/** The version of Airflow that a public API says; undefined where it says none, as the reference stack's. */
export async function askVersion(publicUrl: string): Promise<string | undefined> {
  let version: unknown;
  await answers(`${publicUrl}/api/v2/version`, (body) => {
    version = isRecord(body) ? body.version : undefined;
    return true;
  });
  return typeof version === 'string' && VERSION.test(version) ? version : undefined;
}

/** Of a server of others: it becomes part of sentences. */
const VERSION = /^\d+\.\d+[\w.+-]{0,40}$/;

async function answers(url: string, isGood: (body: unknown) => boolean = () => true): Promise<boolean> {
  try {
    const answer = await request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    const body: unknown = await answer.body.json();
    return answer.statusCode === 200 && isGood(body);
  } catch {
    return false; // Not up, or not up yet: the caller has a deadline.
  }
}

function isAlive(body: unknown, job: 'scheduler' | 'dag_processor'): boolean {
  const health = body as Record<string, { status?: string } | undefined>;
  return health[job]?.status === 'healthy';
}
