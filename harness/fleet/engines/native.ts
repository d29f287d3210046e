import type { LifeEnd } from '../../model/operation.ts';
import type { FleetSpec } from '../../model/scenario.ts';
import type { RunClock } from '../../run-folder/clock.ts';
import type { Hazards } from '../../worker/hazards.ts';
import { playLife } from '../../worker/life.ts';
import { type Birth, chanceOf } from '../../worker/life-spec.ts';
import { ApiClient, type ApiClientOptions } from '../http-client.ts';
import type { ConnectionUse, Engine, Hooks } from './engine.ts';

export interface NativeOptions {
  readonly fleet: FleetSpec;
  readonly executionUrls: readonly string[];
  readonly clock: RunClock;
  readonly book: ApiClientOptions['book'];
  readonly hazards: Hazards;
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
    const { clock, hazards } = this.#options;
    const rngs = chanceOf(birth);
    return playLife({
      birth,
      requests: this.#requests,
      clock,
      rng: rngs.own,
      hazards: hazards.of(birth.life, rngs.hazards),
      hooks,
    });
  }

  close(): Promise<void> {
    return this.#requests.close();
  }
}
