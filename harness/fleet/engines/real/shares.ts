/**
 * Which tasks have had real workers. Without it those that come first and often, such as the first task of each DAG
 * run, would have them all.
 */
export class Shares {
  readonly #tasks: number;
  readonly #taken = new Map<string, number>();
  #all = 0;

  /** `tasks`: how many there are, by `task_id`. */
  constructor(tasks: number) {
    this.#tasks = Math.max(1, tasks);
  }

  /** Whether this task may have the next one: it has had at most one more than its share. */
  take(task: string): boolean {
    const taken = this.#taken.get(task) ?? 0;
    if (taken >= 1 + this.#all / this.#tasks) return false;
    this.#taken.set(task, taken + 1);
    this.#all++;
    return true;
  }
}
