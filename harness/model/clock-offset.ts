/**
 * What one question to another clock says. Its answer was given between sending and receiving, so that the offset is
 * known to half of the round trip.
 */
export interface ClockReading {
  /** The middle of the round trip on the run's clock, milliseconds. */
  readonly atMs: number;
  /** By how much the other clock is ahead of the run's clock. */
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** A time in which one offset fits every reading of a clock. */
export interface ClockStretch {
  /** On the run's clock. The first stretch begins before every moment, the last one ends after it. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly offsetMs: number;
  /** The true offset is nearer than this. */
  readonly uncertaintyMs: number;
}

/** Clocks that are this near are the same: they drift, and no tolerance of the judge is as small. */
const SLACK_MS = 5;
/** Each costs a comparison for each time that is converted. */
const MOST_STRETCHES = 64;

/** The reading of a clock that said `otherMs` between two moments of the run's clock. */
export function clockReading(sentMs: number, answeredMs: number, otherMs: number): ClockReading {
  const atMs = (sentMs + answeredMs) / 2;
  return { atMs, offsetMs: otherMs - atMs, roundTripMs: answeredMs - sentMs };
}

/** The offset that fits all readings since the clock last changed. */
export class OffsetFit {
  readonly #slackMs: number;
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;

  constructor(slackMs = SLACK_MS) {
    this.#slackMs = slackMs;
  }

  /** False if the reading fits no offset that fitted those before: the clock was set, and the fit begins again. */
  take({ offsetMs, roundTripMs }: ClockReading): boolean {
    const half = roundTripMs / 2 + this.#slackMs;
    const [least, most] = [Math.max(this.#least, offsetMs - half), Math.min(this.#most, offsetMs + half)];
    const fits = least <= most;
    [this.#least, this.#most] = fits ? [least, most] : [offsetMs - half, offsetMs + half];
    return fits;
  }

  /** 0 where that fits: times of a clock that agrees stay what they are. Also before the first reading. */
  get offsetMs(): number {
    if (this.#least <= 0 && this.#most >= 0) return 0;
    return (this.#least + this.#most) / 2;
  }

  get uncertaintyMs(): number {
    return Math.max(this.#most - this.offsetMs, this.offsetMs - this.#least);
  }
}

/**
 * Stretches of one clock, from its readings in the order of time. A clock that drifts is followed in steps of a few
 * milliseconds; of one that wavers so much that there would be too many, in larger ones, and less is certain.
 */
export function clockStretches(readings: readonly ClockReading[]): readonly ClockStretch[] {
  for (let slackMs = SLACK_MS; ; slackMs *= 2) {
    const stretches = fitted(readings, slackMs);
    if (stretches.length <= MOST_STRETCHES) return stretches;
  }
}

function fitted(readings: readonly ClockReading[], slackMs: number): ClockStretch[] {
  const stretches: ClockStretch[] = [];
  const fit = new OffsetFit(slackMs);
  let fromMs = Number.NEGATIVE_INFINITY;
  let beforeMs = fromMs;
  let known: Pick<ClockStretch, 'offsetMs' | 'uncertaintyMs'> | undefined;
  for (const reading of readings) {
    if (!fit.take(reading) && known) {
      // It changed at some moment since the reading before.
      const untilMs = (beforeMs + reading.atMs) / 2;
      stretches.push({ fromMs, untilMs, ...known });
      fromMs = untilMs;
    }
    known = { offsetMs: fit.offsetMs, uncertaintyMs: fit.uncertaintyMs };
    beforeMs = reading.atMs;
  }
  if (known) stretches.push({ fromMs, untilMs: Number.POSITIVE_INFINITY, ...known });
  return stretches;
}
