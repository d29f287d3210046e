import { keyOf, type TaskKey } from '../../handoff/workload.ts';
import type { LifeEnd } from '../../model/operation.ts';
import { CuedLife } from '../../worker/cued.ts';
import type { LifeSpec } from '../../worker/life-spec.ts';
import type { Engine, FleetHooks } from './engine.ts';
import { NativeEngine, type NativeOptions } from './native.ts';

/** A life that waits for its cues, and the executor's side of it. */
export interface CuedWorker {
  readonly key: TaskKey;
  readonly tiId: string;
  readonly life: CuedLife;
  /** The executor says nothing of this life by itself, whatever becomes of it. False: that has been asked before. */
  withholdNews(): boolean;
  /** The executor reports the end of the workload, whatever its worker does. */
  reportEnd(outcome: 'success' | 'fail'): void;
}

/** Plays lives that do only what they are asked to, with the requests of all other lives. */
export class CuedEngine implements Engine {
  readonly #native: NativeEngine;
  readonly #workers: CuedWorker[] = [];

  constructor(options: NativeOptions) {
    this.#native = new NativeEngine(options);
  }

  get connections() {
    return this.#native.connections;
  }

  /** All lives so far. */
  get workers(): readonly CuedWorker[] {
    return this.#workers;
  }

  async play(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    const life = new CuedLife(this.#native.contextOf(spec, hooks));
    const { ti } = spec.workload;
    this.#workers.push({
      key: keyOf(ti),
      tiId: ti.id,
      life,
      withholdNews: hooks.withholdNews.bind(hooks),
      reportEnd: hooks.reportEnd.bind(hooks),
    });
    return life.ended;
  }

  close(): Promise<void> {
    return this.#native.close();
  }
}
