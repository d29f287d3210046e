import type { StartedClock } from '../../model/clock.ts';
import type { LifeEnd } from '../../model/operation.ts';
import type { FleetSpec } from '../../model/scenario.ts';
import type { LifeContext } from '../../worker/context.ts';
import type { Hazards } from '../../worker/hazards.ts';
import { RunningLife } from '../../worker/life.ts';
import { generatorsOf, type LifeSpec } from '../../worker/life-spec.ts';
import { type OperationLog, Requests } from '../../worker/requests.ts';
import { HttpTransport } from '../http-transport.ts';
import type { ConnectionUse, Engine, FleetHooks } from './engine.ts';

export interface NativeOptions {
  readonly fleet: FleetSpec;
  /** Of each request; see `RequestsOptions`. */
  readonly headers: readonly string[];
  readonly executionUrls: readonly string[];
  readonly clock: StartedClock;
  readonly operationLog: OperationLog;
  readonly hazards: Hazards;
}

/** Plays all lives in this process, on its one thread. */
export class NativeEngine implements Engine {
  readonly #clock: StartedClock;
  readonly #hazards: Hazards;
  readonly #transport: HttpTransport;
  readonly #requests: Requests;

  constructor({ fleet, headers, executionUrls, clock, operationLog, hazards }: NativeOptions) {
    this.#clock = clock;
    this.#hazards = hazards;
    this.#transport = new HttpTransport(executionUrls, fleet.connections, fleet.timeout_ms);
    this.#requests = new Requests({
      transport: this.#transport,
      attempts: fleet.retries,
      honoursRetryAfter: fleet.honours_retry_after,
      headers,
      clock,
      operationLog,
    });
  }

  get connections(): ConnectionUse {
    return this.#transport.connections;
  }

  play(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    return new RunningLife(this.contextOf(spec, hooks)).play();
  }

  /** All that a life works with. */
  contextOf(spec: LifeSpec, hooks: FleetHooks): LifeContext {
    const generators = generatorsOf(spec);
    return {
      spec,
      requests: this.#requests,
      clock: this.#clock,
      rng: generators.own,
      hazards: this.#hazards.of(spec.life, generators.hazards),
      hooks,
    };
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
