type Values = Readonly<Record<string, unknown>>;
type Names = Readonly<Record<'dag_id' | 'run_id' | 'task_id' | 'map_index', unknown>>;

/**
 * The names of task instances by their ids, as they were seen in the stream: from 3.4 on rendered fields and results
 * belong to a try and have its id alone. An entry takes some hundred bytes.
 */
export class OwnerNames {
  readonly #names = new Map<string, Names>();
  /** Each text once: thousands of tasks have the name of one DAG. */
  readonly #texts = new Map<unknown, unknown>();

  /** Of a row of a task instance. A deleted one has its id alone. */
  learn({ id, dag_id, run_id, task_id, map_index }: Values): void {
    if (typeof id !== 'string' || typeof dag_id !== 'string' || this.#names.has(id)) return;
    const [dag, run, task] = [dag_id, run_id, task_id].map((text) => this.#once(text));
    this.#names.set(id, { dag_id: dag, run_id: run, task_id: task, map_index });
  }

  of(id: unknown): Names | undefined {
    return this.#names.get(String(id));
  }

  #once(text: unknown): unknown {
    if (!this.#texts.has(text)) this.#texts.set(text, text);
    return this.#texts.get(text);
  }
}
