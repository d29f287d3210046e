import { keyOf, type LifeOutcome, type TaskKey, type Workload } from './workload.ts';

/** Ended deliveries that are remembered, to know a resend and to answer an adoption: hours of a long soak, ~100 MB at most. */
const REMEMBERED = 100_000;

export interface Entry {
  readonly key: TaskKey;
  readonly tiId: string;
  /** The schedulers that hold the key, with the sequence number of their delivery; null when they adopted it. */
  readonly holders: Map<string, number | null>;
  /** Null while its life goes on. */
  outcome: LifeOutcome | null;
}

/** Every workload that was handed over, by task instance and try. */
export class Register {
  /** In the order of delivery, so that the oldest ended one comes first when room is needed. */
  readonly #live = new Map<string, Entry>();
  readonly #ended = new Map<string, Entry>();
  readonly #deliveries = new Map<string, number>();
  readonly #newestOfTi = new Map<string, string>();
  #delivered = 0;
  #resent = 0;
  #repeated = 0;
  #endedCount = 0;
  #revoked = 0;

  /**
   * `resend`: the same delivery again, because its acknowledgement was lost. `repeat`: another delivery while the life
   * of the first still goes on. A delivery after that end is new: a deferred or rescheduled task comes back under the
   * same id and try.
   */
  deliver(workload: Workload, peer: string, seq: number): 'new' | 'resend' | 'repeat' {
    const key = keyOf(workload.ti);
    const name = nameOf(key);
    const live = this.#live.get(name);
    const before = live?.tiId === workload.ti.id ? live : this.#ended.get(name);
    if (before?.tiId === workload.ti.id && before.holders.get(peer) === seq) {
      this.#resent += 1;
      return 'resend';
    }
    this.#count(workload.ti.id);
    if (live !== undefined && live.tiId === workload.ti.id) {
      this.#repeated += 1;
      live.holders.set(peer, seq);
      return 'repeat';
    }
    this.#ended.delete(name);
    this.#live.set(name, { key, tiId: workload.ti.id, holders: new Map([[peer, seq]]), outcome: null });
    this.#newestOfTi.set(workload.ti.id, name);
    this.#delivered += 1;
    return 'new';
  }

  /** Undoes a delivery that could not be handed over. */
  forget(workload: Workload): void {
    this.#live.delete(nameOf(keyOf(workload.ti)));
    this.#newestOfTi.delete(workload.ti.id);
    this.#deliveries.delete(workload.ti.id);
    this.#delivered -= 1;
  }

  end(which: string | TaskKey, outcome: LifeOutcome): Entry | undefined {
    const name = typeof which === 'string' ? this.#newestOfTi.get(which) : nameOf(which);
    const entry = name === undefined ? undefined : this.#live.get(name);
    if (name === undefined || entry === undefined) return undefined;
    entry.outcome = outcome;
    this.#endedCount += 1;
    this.#retire(name, entry);
    return entry;
  }

  /** The entries among these keys that are known, which `peer` holds from now on. */
  adopt(keys: readonly TaskKey[], peer: string): readonly (Entry & { readonly key: TaskKey })[] {
    const adopted: Entry[] = [];
    for (const key of keys) {
      const name = nameOf(key);
      const entry = this.#live.get(name) ?? this.#ended.get(name);
      if (entry === undefined) continue;
      if (!entry.holders.has(peer)) entry.holders.set(peer, null);
      adopted.push(entry);
    }
    return adopted;
  }

  /** Airflow takes a workload back: it may hand the same one over again, and that will be a new delivery. */
  revoke(key: TaskKey): boolean {
    const name = nameOf(key);
    const entry = this.#live.get(name);
    if (entry === undefined) return false;
    this.#live.delete(name);
    this.#newestOfTi.delete(entry.tiId);
    this.#revoked += 1;
    return true;
  }

  deliveriesOf(tiId: string): number {
    return this.#deliveries.get(tiId) ?? 0;
  }

  counts() {
    return {
      live: this.#live.size,
      delivered: this.#delivered,
      resent: this.#resent,
      repeated: this.#repeated,
      ended: this.#endedCount,
      revoked: this.#revoked,
    };
  }

  #count(tiId: string): void {
    this.#deliveries.set(tiId, this.deliveriesOf(tiId) + 1);
    keepNewest(this.#deliveries, 2 * REMEMBERED);
  }

  #retire(name: string, entry: Entry): void {
    this.#live.delete(name);
    this.#ended.delete(name);
    this.#ended.set(name, entry);
    if (this.#newestOfTi.get(entry.tiId) === name) this.#newestOfTi.delete(entry.tiId);
    keepNewest(this.#ended, REMEMBERED);
  }
}

function nameOf(key: TaskKey): string {
  return JSON.stringify(key);
}

function keepNewest(map: Map<string, unknown>, limit: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= limit) return;
    map.delete(oldest);
  }
}
