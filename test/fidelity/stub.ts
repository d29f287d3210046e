import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import type { AnswerRule, FidelityCase } from './cases.ts';

/** One request as the stub got it. */
export interface Sent {
  /** Seconds after the case's first request. */
  readonly at: number;
  /** Method and route, such as `PATCH run` or `POST xcom return_value`, with its query. */
  readonly what: string;
  /** Of the stub's answer; 0: the connection was closed instead. */
  readonly status: number;
  readonly body: unknown;
  /** 1: the token of the workload; 2: the one that the answer to `/run` brought. */
  readonly token: number;
  readonly headers: Readonly<Record<string, string>>;
}

interface Stage {
  readonly script: FidelityCase;
  readonly seen: Map<AnswerRule, number>;
  readonly sent: Sent[];
  startedMs: number | undefined;
}

const DAG_RUN = {
  dag_id: 'wt_real',
  run_id: 'r1',
  logical_date: '2026-01-01T00:00:00Z',
  data_interval_start: null,
  data_interval_end: null,
  run_after: '2026-01-01T00:00:00Z',
  start_date: '2026-01-01T00:00:00Z',
  end_date: null,
  clear_number: 0,
  run_type: 'manual',
  state: 'running',
  conf: {},
  consumed_asset_events: [],
};
const RUN = {
  task_reschedule_count: 0,
  max_tries: 0,
  variables: [],
  connections: [],
  xcom_keys_to_clear: [],
  should_retry: false,
};
const MISSING = { detail: { reason: 'not_found', message: 'x' } };
const VALUES = [1, 2, 3];

/**
 * The Execution API as a script: each case gets its answers, a real worker and a life alike. A case is known by its
 * token, which is `case-N`, N its place in `cases`. `now`: milliseconds on the clock by which requests are dated.
 */
export class ScriptedApi {
  readonly #stages: readonly Stage[];
  readonly #server = createServer((request, response) => this.#take(request, response));
  readonly #release: string;
  readonly #now: () => number;

  constructor(cases: readonly FidelityCase[], release: string, now: () => number) {
    this.#stages = cases.map((script) => ({ script, seen: new Map(), sent: [], startedMs: undefined }));
    this.#release = release;
    this.#now = now;
  }

  /** Its URL, on loopback. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/execution`;
  }

  /** What the case at that place has sent so far. */
  sentBy(place: number): readonly Sent[] {
    return this.#stages[place]?.sent ?? [];
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    let text = '';
    request.on('data', (chunk) => {
      text += String(chunk);
    });
    request.on('end', () => {
      const [, place = '-1', turn = '1'] =
        /^Bearer case-(\d+)(?:\/(\d))?$/.exec(request.headers.authorization ?? '') ?? [];
      const stage = this.#stages[Number(place)];
      if (stage === undefined) {
        response.writeHead(401).end();
        return;
      }
      const method = request.method ?? '';
      const { route, query } = routeOf(request.url ?? '');
      const on = `${method} ${route}`;
      const rule = stage.script.answers?.find((one) => `${on} `.startsWith(`${one.on} `) && isDue(one, stage.seen));
      const { status, body } = rule ? { status: rule.status, body: bodyOf(rule) } : this.#healthy(stage, on, text);
      stage.startedMs ??= this.#now();
      stage.sent.push({
        at: Math.round(this.#now() - stage.startedMs) / 1_000,
        what: query === '' ? on : `${on}?${query}`,
        status,
        body: text === '' ? null : JSON.parse(text),
        token: Number(turn),
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
      });
      if (status === 0) {
        request.socket.destroy();
        return;
      }
      response.statusCode = status;
      for (const [name, value] of Object.entries(rule?.headers ?? {})) response.setHeader(name, value);
      if (on === 'PATCH run' && status === 200) response.setHeader('refreshed-api-token', `case-${place}/2`);
      if (method === 'HEAD') response.setHeader('content-range', `map_indexes ${VALUES.length}`);
      if (status === 204 || method === 'HEAD') response.end();
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
  }

  /** What a server says that has nothing against it. */
  #healthy({ script }: Stage, on: string, text: string): { readonly status: number; readonly body: unknown } {
    const [method = '', kind = '', , part = ''] = on.split(' ');
    if (on === 'PATCH run') {
      // The models of a release refuse a field that is new since.
      const dag_run = this.#release.startsWith('3.1.') ? DAG_RUN : { ...DAG_RUN, partition_key: null };
      return { status: 200, body: { ...RUN, dag_run, ...script.context } };
    }
    if (kind === 'xcom' && method === 'GET') {
      if (part === 'slice') return { status: 200, body: VALUES };
      const place = Number(part);
      if (part !== '')
        return place < VALUES.length ? { status: 200, body: VALUES[place] } : { status: 404, body: MISSING };
      if (script.map_index === undefined) return { status: 404, body: MISSING };
      return { status: 200, body: { key: 'return_value', value: VALUES } };
    }
    if (kind === 'xcom' && method === 'HEAD') return { status: 200, body: null };
    if (kind === 'xcom' && method === 'DELETE') return { status: 200, body: { message: 'x' } };
    if (kind === 'xcom') return { status: 201, body: { message: 'x' } };
    if (kind === 'rtif') return { status: 201, body: { message: 'x' } };
    if (kind === 'reschedule-start') return { status: 200, body: '2026-01-01T00:00:00Z' };
    if (kind === 'validate-inlets-and-outlets') return { status: 200, body: { inactive_assets: [] } };
    if (kind === 'variable' && method === 'PUT') return { status: 201, body: { message: 'x' } };
    if (kind === 'variable' || kind === 'connection') return { status: 404, body: MISSING };
    if (kind === 'hitlDetails') return { status: 201, body: { ...JSON.parse(text), ti_id: JSON.parse(text).ti_id } };
    return { status: 204, body: null };
  }
}

function isDue(rule: AnswerRule, seen: Map<AnswerRule, number>): boolean {
  const { after = 0, times = Number.POSITIVE_INFINITY } = rule;
  const before = seen.get(rule) ?? 0;
  seen.set(rule, before + 1);
  return before >= after && before < after + times;
}

function bodyOf({ status, detail }: AnswerRule): unknown {
  return detail === undefined ? { message: `answered ${status}` } : { detail };
}

/** `/task-instances/ID/run` is `run`; `/xcoms/DAG/RUN/TASK/KEY/item/2` is `xcom KEY item 2`. */
function routeOf(url: string): { readonly route: string; readonly query: string } {
  const [path = '', query = ''] = url.replace(/^\/execution/, '').split('?');
  const [, folder = '', ...parts] = path.split('/').map(decodeURIComponent);
  if (folder === 'task-instances') return { route: parts.slice(1).join(' '), query };
  if (folder === 'task-reschedules') return { route: 'reschedule-start', query };
  if (folder === 'xcoms') return { route: `xcom ${parts.slice(3).join(' ')}`, query };
  const names: Readonly<Record<string, string>> = { variables: 'variable', connections: 'connection' };
  return { route: [names[folder] ?? folder, ...(folder === 'hitlDetails' ? [] : parts)].join(' '), query };
}
