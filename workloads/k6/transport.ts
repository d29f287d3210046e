import http from 'k6/http';
import type { LifeSpec } from '../../harness/worker/life-spec.ts';
import type { Connection, HttpResponse, RequestSpec, Transport } from '../../harness/worker/requests.ts';

/** A life's requests by k6's own client, which keeps one connection for each VU. */
export class K6Transport implements Transport, Connection {
  readonly #url: string;
  readonly #timeoutMs: number;

  constructor(url: string, { fleet }: LifeSpec) {
    this.#url = url;
    this.#timeoutMs = fleet.timeout_ms;
  }

  acquire(): Connection {
    return this;
  }

  release(): void {}

  async request(spec: RequestSpec, headers: readonly string[]): Promise<HttpResponse> {
    const body = spec.body === undefined ? null : JSON.stringify(spec.body);
    const answer = await http.asyncRequest(spec.method, `${this.#url}${spec.path}`, body, {
      headers: named(headers),
      tags: { name: spec.kind },
      timeout: spec.timeoutMs ?? this.#timeoutMs,
    });
    // A number from https://grafana.com/docs/k6/latest/javascript-api/error-codes/: 1050 is a time-out.
    if (answer.status === 0) throw Object.assign(new Error(answer.error), { code: `k6-${answer.error_code}` });
    const received: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers)) received[name.toLowerCase()] = value;
    return { status: answer.status, headers: received, text: typeof answer.body === 'string' ? answer.body : '' };
  }
}

function named(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < pairs.length; i += 2) headers[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return headers;
}
