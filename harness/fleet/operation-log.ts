import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import type { Operation } from '../model/operation.ts';
import type { Recorder } from '../model/run-context.ts';
import type { OperationLog } from '../worker/requests.ts';

/** The requests of one run: its rows of `operations`, and the totals for the live line and the reconciliation. */
export class RunOperationLog implements OperationLog {
  /** Of this run and no other. A random id for each request would take more disk than all the rest of its row. */
  readonly correlation = randomBytes(4).toString('hex');
  readonly totals = { sent: 0, ended: 0, inFlight: 0, http409: 0, http5xx: 0 };
  /** Milliseconds from the intended start; the reader resets it. */
  readonly latency: RecordableHistogram = createHistogram();
  /** The latest 5xx answer. */
  lastFailure: string | undefined;
  /** Called for each request that was not answered with 2xx. */
  onFailed: ((row: Operation) => void) | undefined;
  readonly #record: Recorder;
  #next = 1;

  constructor(record: Recorder) {
    this.#record = record;
  }

  takeNumber(): number {
    return this.#next++;
  }

  sent(): void {
    this.totals.sent++;
    this.totals.inFlight++;
  }

  recordOperation(row: Operation, status: number | null): void {
    const { totals } = this;
    totals.inFlight--;
    totals.ended++;
    if (status === 409) totals.http409++;
    if (status !== null && status >= 500) {
      totals.http5xx++;
      this.lastFailure = `${status} to ${row.kind} of ${row.task_id ?? row.dag_id ?? 'it'}`;
    }
    if (row.ended_ms !== null) this.latency.record(Math.max(1, Math.round(row.ended_ms - row.intended_ms)));
    this.#record.append('operations', row);
    if (row.outcome !== 'ok') this.onFailed?.(row);
  }
}
