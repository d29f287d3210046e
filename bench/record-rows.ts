import type { Operation, OperationKind, Outcome } from '../harness/model/operation.ts';
import { Rng } from '../harness/model/rng.ts';

/** Requests a second that the made-up load sends: what makes rows of one life lie apart in the record. */
const RATE = 2_000;
const HEARTBEAT_MS = 5_000;
const TASKS = 40;
/** Requests of a life: `/run`, one rendered template or two, heartbeats, sometimes an XCom, and the end. */
const HEARTBEATS = { least: 3, most: 16 };
const MEAN_REQUESTS = 1 + 1.2 + (HEARTBEATS.least + HEARTBEATS.most) / 2 + 0.2 + 1;
const BETWEEN_LIVES_MS = (MEAN_REQUESTS / RATE) * 1_000;
const REFUSED = 0.01;

interface Playing {
  readonly subject: Pick<
    Operation,
    'actor' | 'life' | 'worker' | 'dag_id' | 'run_id' | 'task_id' | 'map_index' | 'try_number' | 'ti_id'
  >;
  /** What it sends still, the next one last. */
  readonly kinds: OperationKind[];
  nextMs: number;
}

/**
 * The rows of a load without end, in the order in which a run would record them (by their responses): thousands
 * of lives side by side, each with ids, times and texts as real ones have them. Made up, because no machine here lends
 * itself to millions of real requests; what they cost on disk is held against a real run's (`bench/record.ts --run`).
 */
export function* operationRows(seed: number): Generator<Operation> {
  const rng = new Rng(seed, 'rows');
  const correlation = hex(rng, 8);
  const waiting = new Heap<Playing>(({ nextMs }) => nextMs);
  const answered = new Heap<Operation>(({ ended_ms, sent_ms }) => ended_ms ?? sent_ms);
  let lives = 0;
  let op = 0;
  let bornMs = 1_000;
  for (;;) {
    const first = waiting.first;
    if (!first || bornMs < first.nextMs) {
      waiting.push(born(rng, ++lives, bornMs));
      bornMs += BETWEEN_LIVES_MS * exponential(rng);
      continue;
    }
    const playing = waiting.pop();
    if (!playing) continue;
    for (let early = answered.first; early && (early.ended_ms ?? 0) <= playing.nextMs; early = answered.first) {
      answered.pop();
      yield early;
    }
    const row = request(rng, playing, ++op, correlation);
    answered.push(row);
    if (playing.kinds.length === 0) continue;
    const pause =
      playing.kinds.at(-1) === 'heartbeat' ? HEARTBEAT_MS * (0.95 + 0.1 * rng.next()) : 40 * exponential(rng);
    playing.nextMs = (row.ended_ms ?? row.sent_ms) + pause;
    waiting.push(playing);
  }
}

function born(rng: Rng, life: number, atMs: number): Playing {
  const run = Math.floor(life / TASKS);
  const dag = `wt_storm_${(run % 12) + 1}`;
  const startedMs = EPOCH_MS + atMs;
  const kinds: OperationKind[] = ['state'];
  if (rng.next() < 0.2) kinds.push('xcom_push');
  for (let left = integer(rng, HEARTBEATS.least, HEARTBEATS.most); left > 0; left--) kinds.push('heartbeat');
  kinds.push(...(rng.next() < 0.2 ? (['rtif', 'rtif'] as const) : (['rtif'] as const)), 'run');
  return {
    subject: {
      actor: 'life',
      life,
      worker: `w-${life}`,
      dag_id: dag,
      run_id: `manual__${new Date(EPOCH_MS + run * TASKS * BETWEEN_LIVES_MS).toISOString().replace('Z', '')}${String(run % 1000).padStart(3, '0')}+00:00`,
      task_id: `leaf_${String(life % TASKS).padStart(2, '0')}`,
      map_index: -1,
      try_number: rng.next() < 0.1 ? 2 : 1,
      ti_id: uuidV7(rng, startedMs),
    },
    kinds,
    nextMs: atMs,
  };
}

const EPOCH_MS = Date.UTC(2026, 10, 22);

const REQUESTED: Partial<Record<OperationKind, (life: number | null, rng: Rng) => string>> = {
  run: () => 'running',
  rtif: (life, rng) => `{"bash_command":"echo life ${life} write ${integer(rng, 1, 2)}"}`,
  xcom_push: (life) => `life ${life}`,
  state: (_, rng) => (rng.next() < 0.9 ? 'success' : 'failed'),
};
const STATUS: Partial<Record<OperationKind, number>> = { run: 200, rtif: 201, xcom_push: 201 };

function request(rng: Rng, playing: Playing, op: number, correlation: string): Operation {
  const kind = playing.kinds.pop() ?? 'heartbeat';
  const refused = rng.next() < REFUSED;
  const sentMs = playing.nextMs + 0.2 * Math.exp(gaussian(rng));
  const outcome: Outcome = refused ? 'refused' : 'ok';
  return {
    op,
    ...playing.subject,
    kind,
    target: kind === 'xcom_push' ? 'return_value' : null,
    attempt: 1,
    duplicate_of: null,
    intended_ms: thousandths(playing.nextMs),
    sent_ms: thousandths(sentMs),
    ended_ms: thousandths(sentMs + 30 * Math.exp(gaussian(rng))),
    outcome,
    status: refused ? 409 : (STATUS[kind] ?? 204),
    reason: refused ? 'not_running' : null,
    found_state: refused ? 'success' : null,
    requested: REQUESTED[kind]?.(playing.subject.life, rng) ?? null,
    message: refused ? 'TI is no longer in the running state and task should terminate' : null,
    cause: null,
    correlation_id: `${correlation}-${op}`,
    retry_after: false,
  };
}

/** The first 48 bits are a time; the others are random and cannot be compressed. */
function uuidV7(rng: Rng, ms: number): string {
  const time = Math.floor(ms).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(rng, 3)}-${'89ab'[integer(rng, 0, 3)]}${hex(rng, 3)}-${hex(rng, 12)}`;
}

function hex(rng: Rng, digits: number): string {
  let text = '';
  while (text.length < digits) text += integer(rng, 0, 0xffff).toString(16).padStart(4, '0');
  return text.slice(0, digits);
}

/** Both ends may come. */
function integer(rng: Rng, least: number, most: number): number {
  return Math.floor(rng.between(least, most + 1));
}

function exponential(rng: Rng): number {
  return -Math.log(1 - rng.next());
}

function gaussian(rng: Rng): number {
  return Math.sqrt(2 * exponential(rng)) * Math.cos(2 * Math.PI * rng.next());
}

function thousandths(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** A binary heap: the least first. */
class Heap<Item> {
  readonly #items: Item[] = [];
  readonly #key: (item: Item) => number;

  constructor(key: (item: Item) => number) {
    this.#key = key;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let place = items.push(item) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (this.#less(above, place)) break;
      this.#swap(above, place);
      place = above;
    }
  }

  pop(): Item | undefined {
    const items = this.#items;
    if (items.length > 1) this.#swap(0, items.length - 1);
    const least = items.pop();
    for (let place = 0; ; ) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      if (left >= items.length) return least;
      const below = right < items.length && this.#less(right, left) ? right : left;
      if (this.#less(place, below)) return least;
      this.#swap(place, below);
      place = below;
    }
  }

  #less(a: number, b: number): boolean {
    const [one, other] = [this.#items[a], this.#items[b]];
    return one !== undefined && other !== undefined && this.#key(one) <= this.#key(other);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (one === undefined || other === undefined) return;
    this.#items[a] = other;
    this.#items[b] = one;
  }
}
