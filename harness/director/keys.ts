import { RUNS_OF_DAG, TASKS_OF_DAG } from '../model/airflow/statements.ts';
import type { SubjectKeys } from './points.ts';
import type { StageDatabase } from './stage.ts';
import type { TaskName } from './steps.ts';

/** The rows of one episode's DAG, as they are committed: their keys and states. */
export class EpisodeKeys {
  readonly #database: StageDatabase;
  readonly #dagId: string;
  readonly #tasks: readonly string[];
  readonly #tiIds = new Map<string, Set<string>>();
  readonly #states = new Map<string, string>();
  readonly #runs = new Map<string, { readonly id: string; readonly state: string }>();

  constructor(database: StageDatabase, dagId: string, tasks: readonly string[]) {
    this.#database = database;
    this.#dagId = dagId;
    this.#tasks = tasks;
  }

  /** Reads them again. */
  async read(): Promise<void> {
    const runs = await this.#database.rows<{ id: string; run_id: string; state: string }>(RUNS_OF_DAG, [this.#dagId]);
    for (const { id, run_id, state } of runs) this.#runs.set(run_id, { id, state });
    const tasks = await this.#database.rows<{
      id: string;
      run_id: string;
      task_id: string;
      state: string | null;
    }>(TASKS_OF_DAG, [this.#dagId]);
    for (const { id, run_id, task_id, state } of tasks) {
      this.add({ task: task_id, run: run_id }, id);
      this.#states.set(nameOf({ task: task_id, run: run_id }), state ?? 'none');
    }
  }

  add(of: TaskName, tiId: string): void {
    const name = nameOf(of);
    const ids = this.#tiIds.get(name) ?? new Set();
    ids.add(tiId);
    this.#tiIds.set(name, ids);
  }

  stateOf(of: TaskName | string): string | undefined {
    return typeof of === 'string' ? this.#runs.get(of)?.state : this.#states.get(nameOf(of));
  }

  /** Whether each of these runs is over. */
  get areOver(): boolean {
    return [...this.#runs.values()].every(({ state }) => state === 'success' || state === 'failed');
  }

  /** What a name of the script stands for: a run, or a task of each run. */
  subjectOf(name: string): SubjectKeys[] {
    const dagId = this.#dagId;
    if (!this.#tasks.includes(name))
      return [{ dagId, run: name, task: undefined, tiIds: NO_IDS, runKey: this.#runs.get(name)?.id }];
    const runs = this.#runs.size === 0 ? ['r'] : [...this.#runs.keys()];
    return runs.map((run) => ({
      dagId,
      run,
      task: name,
      tiIds: this.#tiIds.get(nameOf({ task: name, run })) ?? NO_IDS,
      runKey: undefined,
    }));
  }
}

const NO_IDS: ReadonlySet<string> = new Set();

function nameOf({ task, run }: TaskName): string {
  return `${run}/${task}`;
}
