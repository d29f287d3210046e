import type { StartedClock } from '../model/clock.ts';
import { type ClockReading, OffsetFit } from '../model/clock-offset.ts';
import type { Timed } from './remote.ts';

/**
 * The run's clock in a process that has only a wall clock, which may be off and may be set. Each exchange with the
 * harness is a reading of how far it is off: a worker asks as a client of NTP does.
 */
export class RemoteClock {
  readonly #wall: () => number;
  readonly #fit = new OffsetFit();
  #best: ClockReading | undefined;

  /** `wall`: milliseconds since 1970. */
  constructor(wall: () => number = () => Date.now()) {
    this.#wall = wall;
  }

  /** Call when a request is sent; what it returns when the answer is there. `startedAt` as in `Lease`. */
  exchange(): (answer: Timed, startedAt: number) => void {
    const sentMs = this.#wall();
    return ({ receivedMs, answeredMs }, startedAt) => {
      // The offset is at least that of the way there and at most that of the way back; the harness's own time between
      // receiving and answering is no uncertainty.
      const [least, most] = [sentMs - startedAt - receivedMs, this.#wall() - startedAt - answeredMs];
      const reading = { atMs: answeredMs, offsetMs: (least + most) / 2, roundTripMs: Math.max(0, most - least) };
      this.#fit.take(reading);
      if (this.#best === undefined || reading.roundTripMs < this.#best.roundTripMs) this.#best = reading;
    };
  }

  /** The best reading since the last call. */
  takeBest(): ClockReading | undefined {
    const best = this.#best;
    this.#best = undefined;
    return best;
  }

  /** For one life, to its end: what is learnt while it lasts must not put an answer before its request. */
  asKnown(startedAt: number): StartedClock {
    const originMs = startedAt + this.#fit.offsetMs;
    // A wall clock in JavaScript has whole milliseconds.
    return { startedAt: new Date(startedAt), now: () => this.#wall() - originMs, tickMs: 1 };
  }
}
