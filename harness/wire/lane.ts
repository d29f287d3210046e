import type { Socket } from 'node:net';

/** Bytes that are held for one connection before its sender is paused. */
const MOST_HELD = 1 << 20;

interface Waiting {
  /** Undefined: the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly due: number;
  /** Nothing passes before it is open. */
  readonly gate?: Gate;
}

/** A place in a lane that nothing passes until it is opened. */
export interface Gate {
  readonly isOpen: boolean;
  /** Passes on at once what waits for it alone. May be called twice. */
  open(): void;
}

/** One direction of a connection: bytes are passed on in order, at once or when they are due. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  #held: Waiting[] = [];
  #heldBytes = 0;
  #holdUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #mostHeld = MOST_HELD;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    to.on('drain', () => this.#throttle());
  }

  send(bytes: Buffer, latencyMs: number): void {
    if (bytes.length > 0) this.#put(bytes, latencyMs);
  }

  /** After what was sent. */
  end(latencyMs: number): void {
    this.#put(undefined, latencyMs);
  }

  /** What is sent from now on is held for at least `ms`. */
  hold(ms: number): void {
    this.#holdUntil = Math.max(this.#holdUntil, performance.now()) + ms;
  }

  /** What is sent from now on waits; `most`: how many bytes may wait for it before the sender is paused. */
  shut(most = MOST_HELD): Gate {
    let isOpen = false;
    const gate: Gate = {
      get isOpen() {
        return isOpen;
      },
      open: () => {
        if (isOpen) return;
        isOpen = true;
        this.#mostHeld = MOST_HELD;
        this.#passOn(performance.now());
      },
    };
    this.#mostHeld = Math.max(this.#mostHeld, most);
    this.#held.push({ bytes: undefined, due: this.#held.at(-1)?.due ?? 0, gate });
    return gate;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Passes on everything that is held, up to the first gate that is shut. */
  release(): void {
    this.#holdUntil = 0;
    this.#passOn(Number.POSITIVE_INFINITY);
  }

  /** Drops what is held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.#heldBytes = 0;
  }

  #put(bytes: Buffer | undefined, latencyMs: number): void {
    const now = latencyMs === 0 && this.#holdUntil === 0 ? 0 : performance.now();
    if (this.#held.length === 0 && latencyMs === 0 && this.#holdUntil <= now) {
      this.#write(bytes);
    } else {
      const due = Math.max(now + latencyMs, this.#holdUntil, this.#held.at(-1)?.due ?? 0);
      this.#held.push({ bytes, due });
      this.#heldBytes += bytes?.length ?? 0;
      if (this.#held.length === 1) this.#wait();
    }
    this.#throttle();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const [next] = this.#held;
    if (next && (next.gate?.isOpen ?? true))
      this.#timer = setTimeout(() => this.#passOn(performance.now()), next.due - performance.now());
  }

  #passOn(now: number): void {
    const waiting = this.#held.findIndex(({ due, gate }) => due > now || gate?.isOpen === false);
    const ready = this.#held.splice(0, waiting === -1 ? this.#held.length : waiting);
    if (this.#holdUntil <= now) this.#holdUntil = 0;
    this.#to.cork();
    for (const { bytes, gate } of ready) {
      this.#heldBytes -= bytes?.length ?? 0;
      if (!gate) this.#write(bytes);
    }
    this.#to.uncork();
    this.#wait();
    this.#throttle();
  }

  #write(bytes: Buffer | undefined): void {
    // The other side may have closed.
    if (!this.#to.writable) return;
    if (bytes) this.#to.write(bytes);
    else this.#to.end();
  }

  #throttle(): void {
    if (this.#to.writableNeedDrain || this.#heldBytes > this.#mostHeld) this.#from.pause();
    else if (this.#from.isPaused()) this.#from.resume();
  }
}
