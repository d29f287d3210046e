import type { ToExecutor } from './protocol.ts';

type Ended = Extract<ToExecutor, { type: 'ended' }>;

/** A scheduler holds at most `[core] parallelism` keys; beyond this it cannot be waiting for the oldest ones. */
const OWED_PER_PEER = 10_000;

interface Box {
  readonly owed: Map<number, Ended>;
  /** Since when the peer is away; null while it is connected. */
  awaySince: number | null;
}

/** Notifications that schedulers have not acknowledged. Kept until they do, or have been away for too long. */
export class Outbox {
  readonly #boxes = new Map<string, Box>();
  readonly #forgetAfterMs: number;
  #seq = 0;

  constructor(forgetAfterMs: number) {
    this.#forgetAfterMs = forgetAfterMs;
  }

  get size(): number {
    let size = 0;
    for (const { owed } of this.#boxes.values()) size += owed.size;
    return size;
  }

  add(peer: string, ended: Omit<Ended, 'type' | 'seq'>, now: number): Ended {
    this.#sweep(now);
    this.#seq += 1;
    const message: Ended = { type: 'ended', seq: this.#seq, ...ended };
    let box = this.#boxes.get(peer);
    if (box === undefined) {
      // Forgotten before, so away: were it here, hello would have made its box.
      box = { owed: new Map(), awaySince: now };
      this.#boxes.set(peer, box);
    }
    box.owed.set(message.seq, message);
    if (box.owed.size > OWED_PER_PEER) {
      for (const oldest of box.owed.keys()) {
        box.owed.delete(oldest);
        break;
      }
    }
    return message;
  }

  acknowledged(peer: string, seq: number): void {
    this.#boxes.get(peer)?.owed.delete(seq);
  }

  away(peer: string, now: number): void {
    const box = this.#boxes.get(peer);
    if (box !== undefined) box.awaySince = now;
  }

  /** The peer said hello: the notifications that it has not acknowledged, oldest first. */
  back(peer: string): readonly Ended[] {
    const box = this.#boxes.get(peer) ?? { owed: new Map(), awaySince: null };
    box.awaySince = null;
    this.#boxes.set(peer, box);
    return [...box.owed.values()];
  }

  #sweep(now: number): void {
    for (const [peer, { awaySince }] of this.#boxes) {
      if (awaySince !== null && now - awaySince > this.#forgetAfterMs) this.#boxes.delete(peer);
    }
  }
}
