import type { CuedWorker } from '../fleet/engines/cued.ts';
import type { OperatorActions } from '../fleet/operator-actions.ts';
import type { Clock } from '../model/clock.ts';
import type { Recorder } from '../model/run-context.ts';
import type { Wire } from '../model/wire.ts';

/** A connection of the harness's own. Its statements go one after the other. */
export interface StageDatabase {
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
}

/** What a script is played on: a stack that is up, with the parts of a run. */
export interface Stage {
  readonly wires: ReadonlyMap<string, Wire>;
  readonly database: StageDatabase;
  readonly clock: Clock;
  readonly record: Recorder;
  readonly operators: OperatorActions;
  readonly signal: AbortSignal;
  /** All lives so far. */
  workers(): readonly CuedWorker[];
  /** Of a DAG of the scenario, as Airflow has it. */
  dagId(dag: string): string;
  /** The next parse of the DAG makes a new version of it. */
  revise(dag: string): Promise<void>;
}
