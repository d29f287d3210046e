import type pg from 'pg';

import { roundMs, type WallClock } from '../model/clock.ts';
import { clockReading, OffsetFit } from '../model/clock-offset.ts';
import type { Recorder } from '../model/run-context.ts';
import type { SampleMetric } from '../model/tables.ts';

/** `log_timezone` may be any zone, and what its clocks show changes twice a year: the server itself knows. */
const QUESTION = `
  SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS epoch_ms,
         extract(epoch FROM now() AT TIME ZONE current_setting('log_timezone') - now() AT TIME ZONE 'UTC')::float8
           * 1000 AS log_zone_ms`;

/**
 * The clock of the database, which on a target is another machine's. Each reading is recorded, and the judge subtracts
 * from all times of PostgreSQL what fits them; what the harness itself compares while the run lasts uses `offsetMs`.
 */
export class DatabaseClock {
  readonly #record: Recorder;
  readonly #clock: WallClock;
  readonly #fit = new OffsetFit();
  #logZoneMs = 0;

  constructor(record: Recorder, clock: WallClock) {
    this.#record = record;
    this.#clock = clock;
  }

  /** By how much times of PostgreSQL, converted to the run's clock, are ahead of it. 0 before the first reading. */
  get offsetMs(): number {
    return this.#fit.offsetMs;
  }

  /** By how much the times in PostgreSQL's log are ahead of UTC. */
  get logZoneMs(): number {
    return this.#logZoneMs;
  }

  /** Rejects when the database does not answer. */
  async read(client: pg.Client): Promise<void> {
    const sentMs = this.#clock.now();
    const { rows } = await client.query<{ epoch_ms: number; log_zone_ms: number }>(QUESTION);
    const answeredMs = this.#clock.now();
    const [row] = rows;
    if (!row) return;
    const reading = clockReading(sentMs, answeredMs, this.#clock.fromWall(row.epoch_ms));
    this.#fit.take(reading);
    this.#logZoneMs = row.log_zone_ms;
    const add = (metric: SampleMetric, value: number) =>
      this.#record.append('samples', {
        at_ms: roundMs(reading.atMs),
        source: 'postgres',
        metric,
        value: roundMs(value),
      });
    add('clock_offset_ms', reading.offsetMs);
    add('clock_round_trip_ms', reading.roundTripMs);
  }
}
