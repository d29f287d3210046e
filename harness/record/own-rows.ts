import { ofAnotherRun } from '../model/namespace.ts';

/** Relations with the input and output of tasks: of DAGs that are not the harness's own they are not recorded. */
const PAYLOADS: ReadonlySet<string> = new Set(['xcom', 'rendered_task_instance_fields']);

type Values = Readonly<Record<string, unknown>>;

/**
 * Which changed rows are recorded. On a stack that others use, too, only rows of our DAGs. A row that is deleted is
 * logged with its key alone, and others delete millions at a time: it is ours if it was seen before, when it was
 * written, because our DAGs are younger than the stream. An id takes some hundred bytes.
 */
export class OwnRows {
  readonly dagPrefix: string;
  readonly #isShared: boolean;
  /** Ids by relation. */
  readonly #seen = new Map<string, Set<string>>();

  /** `dagPrefix`: what the ids of the harness's own DAGs begin with. */
  constructor(dagPrefix: string, isShared: boolean) {
    this.dagPrefix = dagPrefix;
    this.#isShared = isShared;
  }

  isNamedOurs({ dag_id }: Values): boolean {
    return typeof dag_id === 'string' && dag_id.startsWith(this.dagPrefix);
  }

  /** To be asked of each row in the order of the stream. */
  include(relation: string, values: Values): boolean {
    const { dag_id } = values;
    if (typeof dag_id === 'string') {
      if (ofAnotherRun(dag_id, this.dagPrefix)) return false;
      const isOurs = this.isNamedOurs(values);
      if (this.#isShared && isOurs) this.#see(relation, values.id);
      return isOurs || !(this.#isShared || PAYLOADS.has(relation));
    }
    if (!this.#isShared) return true;
    const isOurs =
      this.#knows(relation, values.id) ||
      this.#knows('dag_run', values.dag_run_id) ||
      this.#knows('backfill', values.backfill_id);
    if (isOurs) this.#see(relation, values.id);
    return isOurs;
  }

  #see(relation: string, id: unknown): void {
    if (id === undefined || id === null) return;
    const ids = this.#seen.get(relation) ?? new Set();
    this.#seen.set(relation, ids.add(String(id)));
  }

  #knows(relation: string, id: unknown): boolean {
    return id !== undefined && id !== null && this.#seen.get(relation)?.has(String(id)) === true;
  }
}
