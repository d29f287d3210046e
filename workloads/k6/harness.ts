import http from 'k6/http';

/** Longer than the harness keeps a worker waiting for a life. */
const TIMEOUT = '60s';

export interface HarnessAnswer {
  /** 0: no answer. */
  readonly status: number;
  readonly body: string;
}

/** A request to the harness, which is not what is measured: under a name of its own in k6's metrics. */
export async function askHarness(path: string, body: object): Promise<HarnessAnswer> {
  const answer = await http.asyncRequest('POST', `${__ENV.WINDTUNNEL_URL}${path}`, JSON.stringify(body), {
    headers: { authorization: `Bearer ${__ENV.WINDTUNNEL_TOKEN}`, 'content-type': 'application/json' },
    tags: { name: 'windtunnel' },
    timeout: TIMEOUT,
  });
  return { status: answer.status, body: typeof answer.body === 'string' ? answer.body : '' };
}
