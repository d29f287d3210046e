import type { Clock } from '../../harness/model/clock.ts';
import type { LifeEnd, Operation } from '../../harness/model/operation.ts';
import { Ending } from '../../harness/worker/cancel.ts';
import { Hazards } from '../../harness/worker/hazards.ts';
import { playLife } from '../../harness/worker/life.ts';
import { chanceOf } from '../../harness/worker/life-spec.ts';
import type { Lease, Reply, Told, Word } from '../../harness/worker/remote.ts';
import { type OperationBook, Requests } from '../../harness/worker/requests.ts';
import { ask } from './desk.ts';
import { Http } from './http.ts';

/** A life that is played here and belongs to the harness: it hears of it all the time, and at the end. */
export class Borrowed {
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #book = new Book();
  readonly #hazards = new Hazards();
  readonly #over = new Ending();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #startedMs: number | undefined;
  #leaving = false;
  #saying: Promise<Reply> = Promise.resolve({ over: false, revoked: false, endsMs: null });
  #knowsItsEnd = false;

  constructor(lease: Lease) {
    this.#lease = lease;
    this.#clock = { now: () => Date.now() - lease.startedAt, tickMs: 1 };
  }

  async play(): Promise<void> {
    const { birth, url, wordMs, correlation, endsMs } = this.#lease;
    const rngs = chanceOf(birth);
    const borrowedMs = this.#clock.now();
    this.#openWindows();
    this.#sayAgainAfter(wordMs);
    this.#endAt(endsMs);
    const end = await playLife({
      birth,
      requests: new Requests({
        transport: new Http(url, birth),
        retries: birth.fleet.retries,
        clock: this.#clock,
        book: this.#book,
        correlation: `${correlation}-${birth.life}`,
      }),
      clock: this.#clock,
      rng: rngs.own,
      hazards: this.#hazards.of(birth.life, rngs.hazards),
      hooks: {
        // It was not when it was lent.
        isRevoked: async () => this.#clock.now() - borrowedMs > wordMs / 10 && (await this.#say()).revoked,
        onStarted: (atMs) => {
          this.#startedMs = atMs;
          void this.#say();
        },
        onLeaving: async () => {
          this.#leaving = true;
          await this.#say();
        },
        over: this.#over,
      },
    });
    // A timer that came with one more answer would keep the VU.
    this.#knowsItsEnd = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#say(end);
  }

  /** Those that come while it lives, and those that are open already. */
  #openWindows(): void {
    const now = this.#clock.now();
    for (const { hazard, opensMs, closesMs } of this.#lease.windows) {
      // A thundering herd is of its first moment: a life that starts later is not in it.
      if (opensMs < now && hazard.misbehaviour.startsWith('herd_')) continue;
      const open = () => {
        this.#timers.push(setTimeout(this.#hazards.open(hazard), closesMs - this.#clock.now()));
      };
      if (opensMs <= now) open();
      else this.#timers.push(setTimeout(open, opensMs - now));
    }
  }

  /** With the run, not with the first word after it. */
  #endAt(endsMs: number | null): void {
    if (endsMs === null || this.#knowsItsEnd) return;
    this.#knowsItsEnd = true;
    this.#timers.push(setTimeout(() => this.#over.end(), endsMs - this.#clock.now()));
  }

  #sayAgainAfter(wordMs: number): void {
    this.#timers.push(
      setTimeout(() => {
        void this.#say();
        this.#sayAgainAfter(wordMs);
      }, wordMs),
    );
  }

  /** One word at a time: the next holds what the last could not deliver. */
  #say(end?: LifeEnd): Promise<Reply> {
    this.#saying = this.#saying.then(() => this.#sayNow(end));
    return this.#saying;
  }

  async #sayNow(end: LifeEnd | undefined): Promise<Reply> {
    const operations = this.#book.untold.splice(0);
    const word: Word = {
      operations,
      sent: this.#book.sends,
      hits: this.#hazards.takeHits(),
      ...(this.#startedMs === undefined ? {} : { startedMs: this.#startedMs }),
      ...(this.#leaving ? { leaving: true } : {}),
      ...(end === undefined ? {} : { end }),
    };
    for (let tries = 1; ; tries++) {
      const { status, body } = await ask(`/leases/${this.#lease.lease}`, word);
      if (status === 200) {
        const reply = JSON.parse(body) as Reply;
        if (reply.over) this.#over.end();
        this.#endAt(reply.endsMs);
        return reply;
      }
      // The harness has given it up, or is gone: nothing more is to be sent in its name.
      if (status !== 0 || tries === 3) {
        this.#over.end();
        return { over: true, revoked: false, endsMs: null };
      }
    }
  }
}

class Book implements OperationBook {
  readonly untold: Told[] = [];
  sends = 0;
  #next = 1;

  take(): number {
    return this.#next++;
  }

  sent(): void {
    this.sends++;
  }

  ended(row: Operation, status: number | null): void {
    this.untold.push([row, status]);
  }
}
