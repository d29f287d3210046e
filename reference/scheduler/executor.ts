import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Tokens } from '../api/tokens.ts';
import type { ExecutorEvent, SchedulerBehaviour, TaskKey } from '../behaviour.ts';
import { log } from '../log.ts';
import { LIMITS, type Settings } from '../settings.ts';
import { type Message, Wire } from './wire.ts';
import { executeTask, type QueuedTask } from './workload.ts';

/** [execution_api] jwt_audience. */
const TASK_AUDIENCE = 'urn:airflow.apache.org:task';
/** The scheduler's loop waits for an adoption. */
const ADOPT_WAIT_MS = 2_000;
const REVOKE_WAIT_MS = 2_000;
/** How long a scheduler that stops waits for its last acknowledgements to be sent. */
const END_WAIT_MS = 1_000;

/** A task instance's try, which is what Airflow's `TaskInstanceKey` names. */
export type TryKey = TaskKey & { readonly try_number: number };

/** `TaskInstanceKey` on the wire: dag, task, run, try, map index. */
type WireKey = readonly [string, string, string, number, number];

/**
 * An executor that runs nothing: it publishes workloads on a socket, and a try is over when the harness says so. It
 * speaks the protocol of docker/executor, version 3, see its README. What was sent stays in `#unacked`
 * until its answer comes and is sent again on every new connection. Nothing is ever failed because the harness is away.
 */
export class HandOffExecutor {
  readonly #settings: Settings;
  readonly #behaviour: SchedulerBehaviour;
  readonly #tokens: Tokens;
  readonly #wire: Wire;
  /** No other process can claim to be this process. */
  readonly #instance = randomBytes(16).toString('hex');
  #seq = 0;
  /** By sequence number, in the order of sending. Bounded by `parallelism` and what is adopted or revoked. */
  readonly #unacked = new Map<number, Message>();
  /** What this scheduler's workers are at, with the newest delivery; null for what was adopted. */
  readonly #running = new Map<string, number | null>();
  /** What the scheduler has not looked at yet. */
  readonly #events = new Map<string, ExecutorEvent>();
  readonly #adopting = new Map<number, (known: ReadonlySet<string>) => void>();

  constructor(settings: Settings, behaviour: SchedulerBehaviour) {
    this.#settings = settings;
    this.#behaviour = behaviour;
    this.#tokens = new Tokens({ secret: settings.secret, audience: TASK_AUDIENCE, required: [] });
    this.#wire = new Wire({
      address: settings.handOff,
      greeting: () => this.#greeting(),
      received: (message) => this.#receive(message),
    });
  }

  get openSlots(): number {
    return LIMITS.parallelism - this.#running.size;
  }

  has(key: TryKey): boolean {
    return this.#behaviour.knowsWhatRuns && this.#running.has(nameOf(key));
  }

  /** To be called after the commit that queued them, never before: a worker is at the API within a millisecond. */
  async publish(tasks: readonly QueuedTask[]): Promise<void> {
    for (const task of tasks) {
      const workload = await executeTask(task, this.#tokens);
      for (let left = this.#behaviour.deliveries(task); left > 0; left--) {
        const seq = this.#send({ type: 'workload', workload });
        this.#running.set(nameOf(task), seq);
      }
    }
  }

  /** What the workers' ends have made known for so long, each once. */
  takeEvents(olderThanMs: number): readonly ExecutorEvent[] {
    const before = Date.now() - olderThanMs;
    const due = [...this.#events].filter(([, { at }]) => at <= before);
    for (const [name] of due) this.#events.delete(name);
    return due.map(([, event]) => event);
  }

  /** `change_state`: the slot is free, and the scheduler will look at the task instance. */
  report(key: TryKey, state: ExecutorEvent['state'], { silent = false } = {}): void {
    this.release(key);
    this.#note(key, state, silent);
  }

  /** Forgets a key without a word about it. */
  release(key: TryKey): void {
    const delivery = this.#running.get(nameOf(key));
    if (typeof delivery === 'number') this.#unacked.delete(delivery);
    this.#running.delete(nameOf(key));
  }

  /** Airflow revokes a workload, and waits for the harness to confirm it, but not for long. */
  async revoke(key: TryKey): Promise<void> {
    this.release(key);
    const seq = this.#send({ type: 'revoke', key: wireKeyOf(key) });
    for (const until = Date.now() + REVOKE_WAIT_MS; this.#unacked.has(seq) && Date.now() < until; ) await sleep(10);
  }

  /**
   * Takes over from a scheduler that died what the harness still plays, and returns the rest, which has lost its
   * worker. Not for use in a transaction: it waits for the harness.
   */
  async adopt<Lost extends TryKey & { readonly state: string | null }>(
    tasks: readonly Lost[],
  ): Promise<readonly Lost[]> {
    if (tasks.length === 0) return [];
    const known = await this.#askWhichAreKnown(tasks);
    // A running worker may well outlive both scheduler and harness; if it does not, its heartbeat time-out ends it.
    const rest = tasks.filter((task) => (known ? !known.has(nameOf(task)) : task.state !== 'running'));
    const lost = new Set(rest);
    for (const task of tasks) {
      if (!known && !lost.has(task)) this.#running.set(nameOf(task), null);
    }
    const unasked = known ? '' : ' (the harness did not answer)';
    log('info', `windtunnel: adopted ${tasks.length - rest.length} of ${tasks.length} task instances${unasked}`);
    return rest;
  }

  /** Workers are not this executor's to wait for: another scheduler will adopt them. */
  end(): Promise<void> {
    return this.#wire.close(END_WAIT_MS);
  }

  async #askWhichAreKnown(tasks: readonly TryKey[]): Promise<ReadonlySet<string> | undefined> {
    const waited = new AbortController();
    const answer = new Promise<ReadonlySet<string>>((resolve) => {
      const seq = this.#send({ type: 'adopt', keys: tasks.map(wireKeyOf) });
      this.#adopting.set(seq, resolve);
      // Too late for this adoption; the message itself stays to be answered, as any other.
      waited.signal.addEventListener('abort', () => this.#adopting.delete(seq));
    });
    const known = await Promise.race([answer, sleep(ADOPT_WAIT_MS, undefined, { ref: false })]);
    waited.abort();
    return known;
  }

  #send(message: Message): number {
    this.#seq += 1;
    const sent = { ...message, seq: this.#seq };
    this.#unacked.set(this.#seq, sent);
    this.#wire.write(sent);
    return this.#seq;
  }

  *#greeting(): Iterable<Message> {
    const { process: name, handOffToken } = this.#settings;
    const token = handOffToken === '' ? {} : { token: handOffToken };
    yield { type: 'hello', protocol: 3, process: name, pid: process.pid, instance: this.#instance, ...token };
    yield* this.#unacked.values();
  }

  #receive(message: Message): void {
    const seq = Number(message.seq);
    switch (message.type) {
      case 'ack':
        this.#unacked.delete(seq);
        return;
      case 'adopted':
        this.#unacked.delete(seq);
        this.#adopted(seq, message.keys as readonly WireKey[]);
        return;
      case 'welcome':
        // It knows what runs, as LocalExecutor from 3.4 on and CeleryExecutor do.
        return;
      case 'ended':
        this.#ended(keyOf(message.key as WireKey), message);
        this.#wire.write({ type: 'ended_ack', seq });
        return;
      case 'refused':
        this.#wire.refused(String(message.why));
        return;
      default:
        log('warning', `windtunnel: unknown message ${JSON.stringify(message.type)}`);
    }
  }

  #adopted(seq: number, keys: readonly WireKey[]): void {
    const answer = this.#adopting.get(seq);
    if (!answer) return;
    const known = new Set(keys.map((key) => nameOf(keyOf(key))));
    // At once: the next message may say that one of them has ended.
    for (const name of known) this.#running.set(name, null);
    answer(known);
  }

  #note(key: TryKey, state: ExecutorEvent['state'], silent: boolean): void {
    const { dag_id, task_id, run_id, try_number, map_index } = key;
    this.#events.set(nameOf(key), { dag_id, task_id, run_id, try_number, map_index, state, silent, at: Date.now() });
  }

  #ended(key: TryKey, { outcome, of, again }: Message): void {
    const state = outcome === 'success' ? 'success' : 'failed';
    const delivery = this.#running.get(nameOf(key));
    // Revoked, adopted by another scheduler, or reported before: the scheduler must not hear it twice, unless the
    // harness wants just that, and no newer delivery of the same key is running.
    if ((delivery === undefined) !== (again === true)) return;
    // An earlier delivery of the same key, which was deferred or rescheduled: the newer one is running. One without a
    // number was adopted, so that it is older than any that this scheduler has sent.
    if (typeof delivery === 'number' && (typeof of !== 'number' || of < delivery)) {
      if (!this.#behaviour.knowsWhatRuns) this.#note(key, state, false);
      return;
    }
    this.report(key, state);
  }
}

function nameOf(key: TryKey): string {
  return JSON.stringify(wireKeyOf(key));
}

function wireKeyOf({ dag_id, task_id, run_id, try_number, map_index }: TryKey): WireKey {
  return [dag_id, task_id, run_id, try_number, map_index];
}

function keyOf([dag_id, task_id, run_id, try_number, map_index]: WireKey): TryKey {
  return { dag_id, task_id, run_id, try_number, map_index };
}
