import type { Clock } from '../../model/clock.ts';
import type { ClockReading } from '../../model/clock-offset.ts';

const EVERY_MS = 1_000;

/** Of all readings of the clock of each process the best one, once a second at most. */
export class BestReadings {
  readonly #clock: Clock;
  readonly #pass: (process: string, reading: ClockReading) => void;
  readonly #known = new Map<string, { best: ClockReading; readonly dueMs: number }>();

  constructor(clock: Clock, pass: (process: string, reading: ClockReading) => void) {
    this.#clock = clock;
    this.#pass = pass;
  }

  take(process: string, reading: ClockReading): void {
    const now = this.#clock.now();
    const known = this.#known.get(process);
    if (!known) this.#known.set(process, { best: reading, dueMs: now + EVERY_MS });
    else if (reading.roundTripMs < known.best.roundTripMs) known.best = reading;
    if (!known || now < known.dueMs) return;
    this.#known.delete(process);
    this.#pass(process, known.best);
  }
}
