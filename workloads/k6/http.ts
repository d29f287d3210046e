import http from 'k6/http';

import type { Birth } from '../../harness/life/birth.ts';
import type { Over } from '../../harness/life/over.ts';
import { EXECUTION_API_VERSION, type Received, type RequestSpec, type Transport } from '../../harness/life/requests.ts';

/** A life's requests by k6's own client, which keeps the VU's connection. */
export class Http implements Transport {
  readonly #url: string;
  readonly #birth: Birth;

  constructor(url: string, birth: Birth) {
    this.#url = url;
    this.#birth = birth;
  }

  async exchange(spec: RequestSpec, correlationId: string, _over: Over, sent: () => void): Promise<Received> {
    sent();
    const body = spec.body === undefined ? null : JSON.stringify(spec.body);
    const answer = await http.asyncRequest(spec.method, `${this.#url}${spec.path}`, body, {
      headers: {
        authorization: `Bearer ${spec.token}`,
        'airflow-api-version': EXECUTION_API_VERSION,
        'content-type': 'application/json',
        'correlation-id': correlationId,
      },
      tags: { name: spec.kind },
      timeout: spec.timeoutMs ?? this.#birth.fleet.timeout_ms,
    });
    // A number from https://grafana.com/docs/k6/latest/javascript-api/error-codes/: 1050 is a time-out.
    if (answer.status === 0) throw Object.assign(new Error(answer.error), { code: `k6-${answer.error_code}` });
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers)) headers[name.toLowerCase()] = value;
    return { status: answer.status, headers, text: typeof answer.body === 'string' ? answer.body : '' };
  }
}
