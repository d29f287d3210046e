import type { LifeEnd } from '../../model/operation.ts';
import type { FleetSpec } from '../../model/scenario.ts';
import type { RunClock } from '../../run-folder/clock.ts';
import type { Disturbances } from '../../worker/hazards.ts';
import { playLife } from '../../worker/life.ts';
import { type Birth, chanceOf } from '../../worker/life-spec.ts';
import { ApiClient, type ApiClientOptions } from '../http-client.ts';
import type { ConnectionUse, Engine, Hooks } from './engine.ts';

export interface NativeOptions {
  readonly fleet: FleetSpec;
  readonly executionUrls: readonly string[];
  readonly clock: RunClock;
  readonly book: ApiClientOptions['book'];
  readonly disturbances: Disturbances;
}

/** Plays all lives in this process, on its one thread. */
export class Native implements Engine {
  readonly #options: NativeOptions;
  readonly #requests: ApiClient;

  constructor(options: NativeOptions) {
    const { fleet, executionUrls, clock, book } = options;
    const { connections, timeout_ms, retries } = fleet;
    this.#options = options;
    this.#requests = new ApiClient({ urls: executionUrls, connections, timeoutMs: timeout_ms, retries, clock, book });
  }

  get connections(): ConnectionUse {
    return this.#requests.connections;
  }

  play(birth: Birth, hooks: Hooks): Promise<LifeEnd> {
    const { clock, disturbances } = this.#options;
    const { own, disturbed } = chanceOf(birth);
    return playLife({
      birth,
      requests: this.#requests,
      clock,
      rng: own,
      disturbed: disturbances.of(birth.life, disturbed),
      hooks,
    });
  }

  close(): Promise<void> {
    return this.#requests.close();
  }
}
