import { decodeJwt } from 'jose';

import type { Workload } from '../../harness/handoff/workload.ts';
import type { Answer, Request } from './http.ts';
import { complaints, type Json, Mask, type Step } from './observation.ts';
import { readBackfills, readRows } from './rows.ts';
import type { Place, Stage } from './stage.ts';
import { mintToken, type TokenSpec } from './tokens.ts';

/** A task instance as a worker knows it. */
export interface Ti {
  readonly id: string;
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  /** Opens every route for this task instance on every release. */
  readonly token: string;
  /** What the scheduler sent with the workload. */
  readonly queueToken: string;
}

/** One play of one dialogue: sends, looks, and writes down what it saw. */
export class Talk {
  readonly steps: Step[] = [];
  readonly place: Place;
  readonly #stage: Stage;
  readonly #mask = new Mask();
  readonly #tis = new Map<string, Ti>();

  private constructor(stage: Stage, place: Place) {
    this.#stage = stage;
    this.place = place;
    this.#mask.add(place.dagId, '<dag>');
    if (place.runId !== undefined) this.#mask.add(place.runId, '<run>');
  }

  static async at(stage: Stage, place: Place): Promise<Talk> {
    const talk = new Talk(stage, place);
    for (const [name, workload] of place.workloads) {
      const { id, task_id } = workload.ti;
      talk.#mask.add(id, `<${name}>`);
      if (task_id !== name) talk.#mask.add(task_id, name);
      talk.#tis.set(name, await talk.#tiOf(workload.ti.id, task_id, workload.token));
    }
    return talk;
  }

  get dagId(): string {
    return this.place.dagId;
  }

  get runId(): string {
    return this.place.runId ?? '';
  }

  get publicToken(): string {
    return this.#stage.publicToken;
  }

  ti(name: string): Ti {
    const ti = this.#tis.get(name);
    if (!ti) throw new Error(`this dialogue has no task instance "${name}"`);
    return ti;
  }

  /** The task instance under the id that its row has now: after a retry or a clear it is another. */
  async again(name: string): Promise<Ti> {
    const { taskId, dagId, runId, queueToken } = this.ti(name);
    const sql = 'SELECT id::text AS id FROM task_instance WHERE dag_id = $1 AND run_id = $2 AND task_id = $3';
    const { rows } = await this.#stage.db.query<{ id: string }>(sql, [dagId, runId, taskId]);
    const id = rows[0]?.id ?? '';
    if (id !== this.ti(name).id) this.#mask.add(id, `<${name}, new id>`);
    const ti = await this.#tiOf(id, taskId, queueToken);
    this.#tis.set(name, ti);
    return ti;
  }

  /** Ends the try for the scheduler, and waits until it hands over the next one. */
  async nextTry(name: string, tryNumber: number): Promise<Ti> {
    const ended = this.place.workloads.get(name);
    if (!ended) throw new Error(`no workload of ${name} was handed over`);
    const next: Workload = await this.#stage.nextWorkload(ended, tryNumber);
    if (next.ti.id !== ended.ti.id) this.#mask.add(next.ti.id, `<${name}, try ${tryNumber}>`);
    const ti = await this.#tiOf(next.ti.id, next.ti.task_id, next.token);
    this.#tis.set(name, ti);
    return ti;
  }

  async send(step: string, request: Request): Promise<Answer> {
    const answer = await this.#stage.http.send(request);
    this.#note(step, request.route, this.#seenIn(answer, request));
    return answer;
  }

  /** Sends without writing it down: for preparations that another dialogue looks at. */
  async prepare(request: Request): Promise<Answer> {
    const answer = await this.#stage.http.send(request);
    if (answer.status >= 300)
      throw new Error(`preparation failed: ${request.route} ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /**
   * Plays the same race several times. `round` sends its requests at once and returns what came of it in words;
   * `legal` are the words that a correct build may give.
   */
  async race(step: string, legal: readonly string[], rounds: number, round: (number: number) => Promise<string>) {
    const outcomes = new Set<string>();
    for (let number = 1; number <= rounds; number++) outcomes.add(await round(number));
    this.steps.push({ step, route: 'outcomes', seen: [...outcomes].sort(), legal });
  }

  /** Sends all at once; the answers as sorted words: `200 + 409 invalid_state`. */
  async atOnce(requests: readonly Request[]): Promise<string> {
    const answers = await Promise.all(requests.map((request) => this.#stage.http.send(request)));
    return answers.map(inWords).sort().join(' + ');
  }

  /** A look at the run of this dialogue: all its task instances, or those with these names. */
  async rows(step: string, names?: readonly string[]): Promise<void> {
    const tasks = names?.map((name) => this.#tis.get(name)?.taskId ?? name);
    const seen = await readRows(this.#stage.db, { dagId: this.dagId, runId: this.runId }, tasks, this.#mask);
    this.#note(step, 'rows', seen);
  }

  async backfills(step: string): Promise<void> {
    this.#note(step, 'rows', await readBackfills(this.#stage.db, this.dagId, this.#mask));
  }

  /** The first column of the first row, for what `rows` does not show. */
  async value(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    const { rows } = await this.#stage.db.query<Record<string, unknown>>(sql, [...parameters]);
    return Object.values(rows[0] ?? {})[0];
  }

  token(spec: TokenSpec): Promise<string> {
    return mintToken(this.#stage.stack.secret, spec);
  }

  /** Gives a name of the stack's own making a meaning in what is written down from here on. */
  call(name: string, meaning: string): void {
    this.#mask.add(name, meaning);
  }

  note(step: string, route: string, seen: unknown): void {
    this.#note(step, route, this.#mask.json(seen));
  }

  #note(step: string, route: string, seen: Json): void {
    this.steps.push({ step, route, seen });
  }

  #seenIn({ status, headers, body }: Answer, { show, path }: Request): Json {
    const refreshed = headers['refreshed-api-token'];
    return this.#mask.json({
      status,
      ...(body === undefined ? {} : { body: status < 300 && show ? pick(body, show) : withoutInput(body) }),
      ...(typeof refreshed === 'string' ? { refreshed: claimsOf(refreshed, path) } : {}),
      ...(headers['retry-after'] === undefined ? {} : { retry_after: headers['retry-after'] }),
    });
  }

  async #tiOf(id: string, taskId: string, queueToken: string): Promise<Ti> {
    const token = await this.token({ sub: id });
    return { id, taskId, token, queueToken, dagId: this.dagId, runId: this.runId };
  }
}

function claimsOf(token: string, path: string): unknown {
  const { sub = '', aud, scope } = decodeJwt(token);
  return { sub: path.includes(sub) ? 'the same' : sub, aud, ...(scope === undefined ? {} : { scope }) };
}

function withoutInput(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('detail' in body) || !Array.isArray(body.detail)) return body;
  return { ...body, detail: complaints(body.detail) };
}

/** Keeps these fields, in lists too; a field that is absent stays absent. Lists have no order that is promised. */
function pick(body: unknown, fields: readonly string[]): unknown {
  if (Array.isArray(body)) {
    const items = body.map((item) => ({ item: pick(item, fields), text: JSON.stringify(pick(item, fields)) }));
    return items.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ item }) => item);
  }
  if (typeof body !== 'object' || body === null) return body;
  const kept = Object.entries(body)
    .filter(([key]) => fields.includes(key))
    .map(([key, value]) => [key, Array.isArray(value) ? pick(value, fields) : value]);
  return Object.fromEntries(kept);
}

function inWords({ status, body }: Answer): string {
  const detail = typeof body === 'object' && body !== null && 'detail' in body ? body.detail : undefined;
  if (typeof detail !== 'object' || detail === null) return String(status);
  const { reason, previous_state, current_state } = detail as Record<string, unknown>;
  const state = previous_state ?? current_state;
  return [status, reason, ...(state === undefined ? [] : [`(${state})`])].join(' ');
}
