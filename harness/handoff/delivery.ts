import type { LifeOutcome } from './workload.ts';

/** The dispatcher, as its deliveries use it. */
interface DeliveryOwner {
  deliveriesOf(tiId: string): number;
  leave(delivery: number): void;
  end(delivery: number, outcome: LifeOutcome, againAfterMs?: number): boolean;
}

/** One hand-over of a workload. Its life is played once, or more often where a fault has it delivered twice. */
export class Delivery {
  readonly number: number;
  readonly #tiId: string;
  readonly #dispatcher: DeliveryOwner;

  constructor(number: number, tiId: string, dispatcher: DeliveryOwner) {
    this.number = number;
    this.#tiId = tiId;
    this.#dispatcher = dispatcher;
  }

  /** How often schedulers have handed over this task instance, resends after a reconnect not counted. */
  get ofThisTask(): number {
    return this.#dispatcher.deliveriesOf(this.#tiId);
  }

  /** See `Dispatcher.leave`. */
  leave(): void {
    this.#dispatcher.leave(this.number);
  }

  /** See `Dispatcher.end`. */
  end(outcome: LifeOutcome, againAfterMs?: number): void {
    this.#dispatcher.end(this.number, outcome, againAfterMs);
  }
}
