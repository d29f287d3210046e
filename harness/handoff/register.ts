import { keyOf, type LifeOutcome, type TaskKey, type Workload } from './workload.ts';

/** Ended deliveries that are remembered, to know a resend and to answer an adoption: an hour of a busy run, under 100 MB. */
const REMEMBERED = 100_000;

export interface Entry {
  readonly key: TaskKey;
  readonly tiId: string;
  /** Task instance and try: where the register keeps it. */
  readonly place: string;
  /** The schedulers that hold the key, with the sequence number of their delivery; null when they adopted it. */
  readonly holders: Map<string, number | null>;
  /** Null while its life goes on. */
  outcome: LifeOutcome | null;
}

/** Every workload that was handed over, by task instance and try. */
export class Register {
  readonly #live = new Map<string, Entry>();
  /** In the order of their ends, so that the oldest comes first when room is needed. */
  readonly #ended = new Map<string, Entry>();
  /** Newest delivery of a key, and of a task instance: the place of its entry in the two maps above. */
  readonly #ofKey = new Map<string, string>();
  readonly #ofTi = new Map<string, string>();
  readonly #deliveries = new Map<string, number>();
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
    const place = placeOf(workload);
    const live = this.#live.get(place);
    if ((live ?? this.#ended.get(place))?.holders.get(peer) === seq) {
      this.#resent += 1;
      return 'resend';
    }
    this.#count(workload.ti.id);
    if (live !== undefined) {
      this.#repeated += 1;
      live.holders.set(peer, seq);
      return 'repeat';
    }
    const key = keyOf(workload.ti);
    this.#supersede(key, peer);
    this.#ended.delete(place);
    this.#live.set(place, { key, tiId: workload.ti.id, place, holders: new Map([[peer, seq]]), outcome: null });
    this.#ofKey.set(nameOf(key), place);
    this.#ofTi.set(workload.ti.id, place);
    this.#delivered += 1;
    return 'new';
  }

  /** Undoes a delivery that could not be handed over. */
  forget(workload: Workload): void {
    const entry = this.#live.get(placeOf(workload));
    if (entry === undefined) return;
    this.#drop(entry);
    this.#deliveries.delete(workload.ti.id);
    this.#delivered -= 1;
  }

  end(which: string | TaskKey, outcome: LifeOutcome): Entry | undefined {
    const place = typeof which === 'string' ? this.#ofTi.get(which) : this.#ofKey.get(nameOf(which));
    const entry = place === undefined ? undefined : this.#live.get(place);
    if (entry === undefined) return undefined;
    entry.outcome = outcome;
    this.#endedCount += 1;
    this.#live.delete(entry.place);
    this.#ended.set(entry.place, entry);
    for (const oldest of this.#ended.values()) {
      if (this.#ended.size <= REMEMBERED) break;
      this.#drop(oldest);
    }
    return entry;
  }

  /** The entries among these keys that are known, which `peer` holds from now on. */
  adopt(keys: readonly TaskKey[], peer: string): readonly Entry[] {
    const adopted: Entry[] = [];
    for (const key of keys) {
      const place = this.#ofKey.get(nameOf(key));
      const entry = place === undefined ? undefined : (this.#live.get(place) ?? this.#ended.get(place));
      if (entry === undefined) continue;
      if (!entry.holders.has(peer)) entry.holders.set(peer, null);
      adopted.push(entry);
    }
    return adopted;
  }

  /** Airflow takes a workload back: it may hand the same one over again, and that will be a new delivery. */
  revoke(key: TaskKey): boolean {
    const place = this.#ofKey.get(nameOf(key));
    const entry = place === undefined ? undefined : this.#live.get(place);
    if (entry === undefined) return false;
    this.#drop(entry);
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

  /**
   * The same key under another id: a run was deleted and made again while a life of its first self goes on. The
   * scheduler's slot belongs to the newer one, and the end of the older must not free it.
   */
  #supersede(key: TaskKey, peer: string): void {
    const place = this.#ofKey.get(nameOf(key));
    if (place !== undefined) this.#live.get(place)?.holders.delete(peer);
  }

  #drop({ key, tiId, place }: Entry): void {
    this.#live.delete(place);
    this.#ended.delete(place);
    if (this.#ofKey.get(nameOf(key)) === place) this.#ofKey.delete(nameOf(key));
    if (this.#ofTi.get(tiId) === place) this.#ofTi.delete(tiId);
  }

  #count(tiId: string): void {
    this.#deliveries.set(tiId, this.deliveriesOf(tiId) + 1);
    for (const oldest of this.#deliveries.keys()) {
      if (this.#deliveries.size <= 2 * REMEMBERED) break;
      this.#deliveries.delete(oldest);
    }
  }
}

function placeOf({ ti }: Workload): string {
  return `${ti.id}/${ti.try_number}`;
}

function nameOf(key: TaskKey): string {
  return JSON.stringify(key);
}
