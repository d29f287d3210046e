import http from 'k6/http';
import type { Over } from '../../harness/worker/cancel.ts';
import type { Birth } from '../../harness/worker/life-spec.ts';
import { headersOf, type Received, type Sending, type Transport } from '../../harness/worker/requests.ts';

/** A life's requests by k6's own client, which keeps the VU's connection. */
export class Http implements Transport {
  readonly #url: string;
  readonly #birth: Birth;

  constructor(url: string, birth: Birth) {
    this.#url = url;
    this.#birth = birth;
  }

  async exchange(request: Sending, _over: Over): Promise<Received> {
    const { spec } = request;
    request.leaves();
    const body = spec.body === undefined ? null : JSON.stringify(spec.body);
    const answer = await http.asyncRequest(spec.method, `${this.#url}${spec.path}`, body, {
      headers: named(headersOf(request)),
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

function named(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < pairs.length; i += 2) headers[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return headers;
}
