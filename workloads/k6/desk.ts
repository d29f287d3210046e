import http from 'k6/http';

/** Longer than a question waits for something to lend. */
const TIMEOUT = '60s';

export interface DeskAnswer {
  /** 0: no answer. */
  readonly status: number;
  readonly body: string;
}

/** To the harness, which is not what is measured: under a name of its own in k6's metrics. */
export async function ask(path: string, body: object): Promise<DeskAnswer> {
  const answer = await http.asyncRequest('POST', `${__ENV.WINDTUNNEL_LEASES}${path}`, JSON.stringify(body), {
    headers: { authorization: `Bearer ${__ENV.WINDTUNNEL_TOKEN}`, 'content-type': 'application/json' },
    tags: { name: 'windtunnel' },
    timeout: TIMEOUT,
  });
  return { status: answer.status, body: typeof answer.body === 'string' ? answer.body : '' };
}
