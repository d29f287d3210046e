import { keyOf, type LifeOutcome, type TaskKey, type Workload } from './workload.ts';

/** Ended deliveries that are remembered at most, however many end in a while: under 100 MB. */
const REMEMBERED = 100_000;

/** A scheduler that holds a key: one of each, and rarely a second. */
export interface Holder {
  readonly peer: string;
  /** Of its delivery; null when it adopted the key. */
  seq: number | null;
}

export interface Entry {
  /** Number of the delivery that began it: names it even when a newer one has taken its place. */
  readonly delivery: number;
  readonly key: TaskKey;
  readonly tiId: string;
  /** Task instance and try: where the register keeps it. */
  readonly place: string;
  holders: Holder[];
  /** Its life has asked to be deferred and waits for the answer: the task may come back before that is there. */
  leaving: boolean;
  /** Null until its life ends. */
  outcome: LifeOutcome | null;
  /** On the caller's clock; null until its life ends. */
  endedMs: number | null;
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
  /** Deliveries of which the life has not ended, by number; those that a newer one has replaced are only here. */
  readonly #ofDelivery = new Map<number, Entry>();
  #delivered = 0;
  #lastDelivery = 0;
  #resent = 0;
  #repeated = 0;
  #endedCount = 0;
  #revoked = 0;
  readonly #rememberMs: number;
  readonly #reportsOlder: boolean;

  /**
   * `rememberMs`: for how long an ended delivery may be sent again, or be adopted. `reportsOlder`: a scheduler learns
   * of the end of a delivery also after a newer one of the same key, as a LocalExecutor's does.
   */
  constructor(rememberMs: number, { reportsOlder = false } = {}) {
    this.#rememberMs = rememberMs;
    this.#reportsOlder = reportsOlder;
  }

  /**
   * `resend`: the same delivery again, because its acknowledgement was lost. `repeat`: another delivery while the life
   * of the first has not ended. A delivery after that end is new, and gets a number: a deferred or rescheduled task
   * comes back under the same id and try, and may do so before the worker that deferred it has its answer.
   */
  deliver(workload: Workload, peer: string, seq: number): number | 'resend' | 'repeat' {
    const place = placeOf(workload);
    const live = this.#live.get(place);
    const known = live ?? this.#ended.get(place);
    if (known !== undefined && seq <= (holderOf(known, peer)?.seq ?? 0)) {
      this.#resent += 1;
      return 'resend';
    }
    this.#count(workload.ti.id);
    if (live !== undefined && !live.leaving) {
      this.#repeated += 1;
      hold(live, peer).seq = seq;
      return 'repeat';
    }
    const key = keyOf(workload.ti);
    this.#supersede(key, peer);
    this.#ended.delete(place);
    const delivery = ++this.#lastDelivery;
    const holders = [{ peer, seq }];
    const entry = { delivery, key, tiId: workload.ti.id, place, holders, leaving: false, outcome: null, endedMs: null };
    this.#live.set(place, entry);
    this.#ofDelivery.set(delivery, entry);
    this.#ofKey.set(nameOf(key), place);
    this.#ofTi.set(workload.ti.id, place);
    this.#delivered += 1;
    return delivery;
  }

  /** Undoes a delivery that could not be handed over. */
  forget(workload: Workload): void {
    const entry = this.#live.get(placeOf(workload));
    if (entry === undefined) return;
    this.#drop(entry);
    this.#deliveries.delete(workload.ti.id);
    this.#delivered -= 1;
  }

  /** From here on a delivery of the same id and try is new. */
  leave(delivery: number): void {
    const entry = this.#ofDelivery.get(delivery);
    if (entry !== undefined) entry.leaving = true;
  }

  end(which: string | TaskKey | number, outcome: LifeOutcome, now: number): Entry | undefined {
    const entry = typeof which === 'number' ? this.#ofDelivery.get(which) : this.#newest(which);
    if (entry === undefined) return undefined;
    entry.outcome = outcome;
    entry.endedMs = now;
    this.#endedCount += 1;
    this.#ofDelivery.delete(entry.delivery);
    // Replaced: only its own scheduler is notified of it.
    if (this.#live.get(entry.place) !== entry) return entry;
    this.#live.delete(entry.place);
    this.#ended.set(entry.place, entry);
    for (const oldest of this.#ended.values()) {
      if (this.#ended.size <= REMEMBERED && now - (oldest.endedMs ?? now) < this.#rememberMs) break;
      this.#drop(oldest);
      // Unless it has come back: a deferred task, or another try.
      if (!this.#ofTi.has(oldest.tiId)) this.#deliveries.delete(oldest.tiId);
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
      hold(entry, peer);
      adopted.push(entry);
    }
    return adopted;
  }

  /**
   * Airflow revokes a workload: it may hand the same one over again, as a new delivery. Returns its number if it is
   * live.
   */
  revoke(key: TaskKey): number | undefined {
    const place = this.#ofKey.get(nameOf(key));
    const entry = place === undefined ? undefined : this.#live.get(place);
    if (entry === undefined) return undefined;
    this.#drop(entry);
    this.#revoked += 1;
    return entry.delivery;
  }

  deliveriesOf(tiId: string): number {
    return this.#deliveries.get(tiId) ?? 0;
  }

  counts() {
    return {
      live: this.#ofDelivery.size,
      delivered: this.#delivered,
      resent: this.#resent,
      repeated: this.#repeated,
      ended: this.#endedCount,
      revoked: this.#revoked,
    };
  }

  /**
   * The same key under another id: a run was deleted and created again before a life of the first had ended. The
   * scheduler's slot belongs to the newer one, and the end of the older must not free it.
   */
  #supersede(key: TaskKey, peer: string): void {
    if (this.#reportsOlder) return;
    const place = this.#ofKey.get(nameOf(key));
    const entry = place === undefined ? undefined : this.#live.get(place);
    if (entry !== undefined) entry.holders = entry.holders.filter((holder) => holder.peer !== peer);
  }

  #newest(which: string | TaskKey): Entry | undefined {
    const place = typeof which === 'string' ? this.#ofTi.get(which) : this.#ofKey.get(nameOf(which));
    return place === undefined ? undefined : this.#live.get(place);
  }

  #drop({ delivery, key, tiId, place }: Entry): void {
    this.#ofDelivery.delete(delivery);
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

export function holderOf({ holders }: Entry, peer: string): Holder | undefined {
  return holders.find((holder) => holder.peer === peer);
}

function hold(entry: Entry, peer: string): Holder {
  const known = holderOf(entry, peer);
  if (known) return known;
  const holder = { peer, seq: null };
  entry.holders.push(holder);
  return holder;
}

function placeOf({ ti }: Workload): string {
  return `${ti.id}/${ti.try_number}`;
}

function nameOf(key: TaskKey): string {
  return JSON.stringify(key);
}
