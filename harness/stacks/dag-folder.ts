import { rmSync } from 'node:fs';
import { copyFile, mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { AssetCondition, DagSpec } from '../model/scenario.ts';

const FACTORY = fileURLToPath(new URL('../../workloads/dag_factory/wt_dags.py', import.meta.url));
const MINUTE_MS = 60_000;

/**
 * Where backfills begin. A backfill needs a timetable, so a DAG without a schedule gets one of its own that has ended:
 * every minute from here, over before any run starts, and no catch-up.
 */
export const BACKFILL_FIRST = '2026-01-01T00:00:00+00:00';
const BACKFILL_LAST = '2026-04-01T00:00:00+00:00';

/** One DAG as the factory reads it (workloads/dag_factory/wt_dags.py). */
interface FactoryDag {
  readonly dag_id: string;
  /** Absent: it waits for `assets`. */
  readonly schedule?: string;
  readonly assets?: AssetCondition;
  readonly start_date: string;
  readonly end_date: string | null;
  readonly catchup: boolean;
  readonly max_active_runs: number;
  readonly max_active_tasks?: number;
  readonly revision: number;
  readonly executor?: string;
  readonly tasks: readonly unknown[];
}

export interface DagFolderOptions {
  /** For a stack with several executors: which one gets these tasks. */
  readonly executor?: string;
  /** Start dates count from here. */
  readonly now?: Date;
}

/** DAGs in a folder that a dag-processor reads. */
export type Dags = Pick<DagFolder, 'files' | 'announce' | 'publish' | 'bumpRevision' | 'remove'>;

/** The scenario's DAGs in a folder that a dag-processor reads: the factory, and the JSON file it builds from. */
export class DagFolder {
  readonly #py: string;
  readonly #json: string;
  readonly #specs: readonly DagSpec[];
  readonly #prefix: string;
  readonly #options: DagFolderOptions;
  readonly #now: number;
  readonly #revisions = new Map<string, number>();

  /** `namespace` prefixes every DAG id and separates the files of two runs in one folder. */
  constructor(folder: string, specs: readonly DagSpec[], namespace = '', options: DagFolderOptions = {}) {
    const name = namespace === '' ? 'wt_dags' : `wt_dags_${namespace.replace(/\W+/g, '_').replace(/_+$/, '')}`;
    this.#py = path.join(folder, `${name}.py`);
    this.#json = path.join(folder, `${name}.json`);
    this.#specs = specs;
    this.#prefix = namespace;
    this.#options = options;
    this.#now = (options.now ?? new Date()).getTime();
  }

  /** All that may be there of it: a harness that was killed may have left a file that was not yet whole. */
  get files(): readonly string[] {
    return [this.#py, this.#json].flatMap((file) => [file, partOf(file)]);
  }

  /**
   * Writes a factory without DAGs. A dag-processor looks for new files every five seconds, but every second whether a
   * file that it knows has changed: DAGs that are published now are parsed sooner.
   */
  async announce(): Promise<void> {
    await mkdir(path.dirname(this.#json), { recursive: true });
    await replaceFile(this.#json, (part) => writeFile(part, '[]\n'));
    await replaceFile(this.#py, (part) => copyFile(FACTORY, part));
  }

  /** Writes both files, the DAGs first: a factory that is parsed without them would make none. */
  async publish(): Promise<void> {
    await mkdir(path.dirname(this.#json), { recursive: true });
    await this.#writeDags();
    await replaceFile(this.#py, (part) => copyFile(FACTORY, part));
  }

  /**
   * The next parse of these DAGs (ids of the scenario) makes a new dag_version of each. Asynchronous, because a rename
   * over a file waits for the disk, and beside a busy database that can take a second, which the fleet must not lose.
   */
  async bumpRevision(dagIds: readonly string[]): Promise<void> {
    for (const id of dagIds) this.#revisions.set(id, (this.#revisions.get(id) ?? 1) + 1);
    await this.#writeDags();
    // The dag-processor looks at the .py file's own time: a touched file is parsed next, not after its interval.
    const now = new Date();
    await utimes(this.#py, now, now);
  }

  /** Airflow marks the DAGs stale at its next parse of the folder. Idempotent. */
  remove(): void {
    for (const file of this.files) rmSync(file, { force: true });
  }

  async #writeDags(): Promise<void> {
    const dags = this.#specs.map((spec) => this.#dag(spec));
    await replaceFile(this.#json, (part) => writeFile(part, `${JSON.stringify(dags, null, 1)}\n`));
  }

  #dag(spec: DagSpec): FactoryDag {
    const { executor } = this.#options;
    const named = (assets: readonly string[]) => assets.map((asset) => `${this.#prefix}${asset}`);
    return {
      dag_id: `${this.#prefix}${spec.dag_id}`,
      ...this.#dates(spec),
      ...(spec.assets === undefined ? {} : { assets: mapCondition(spec.assets, named) }),
      max_active_runs: spec.max_active_runs,
      ...(spec.max_active_tasks === undefined ? {} : { max_active_tasks: spec.max_active_tasks }),
      revision: this.#revisions.get(spec.dag_id) ?? 1,
      ...(executor === undefined ? {} : { executor }),
      // What is undefined is left out of the file; the rest is the fleet's to know.
      tasks: spec.tasks.map(({ pickup_ms: _, duration_ms: _too, habits, outlets, triggers, ...task }) => ({
        ...task,
        ...(outlets === undefined ? {} : { outlets: named(outlets) }),
        ...(triggers === undefined ? {} : { triggers: `${this.#prefix}${triggers}` }),
        ...(habits?.reschedules === undefined ? {} : { reschedules: habits.reschedules > 0 }),
      })),
    };
  }

  #dates(spec: DagSpec): Pick<FactoryDag, 'schedule' | 'start_date' | 'end_date' | 'catchup'> {
    if (spec.schedule === null) {
      const dates = { start_date: BACKFILL_FIRST, end_date: BACKFILL_LAST, catchup: false };
      return spec.assets === undefined ? { schedule: '* * * * *', ...dates } : { ...dates, end_date: null };
    }
    const start = Math.floor(this.#now / MINUTE_MS) * MINUTE_MS - spec.past_runs * MINUTE_MS;
    const start_date = new Date(start).toISOString().replace('.000Z', '+00:00');
    return { schedule: spec.schedule, start_date, end_date: null, catchup: true };
  }
}

function mapCondition(condition: AssetCondition, names: (assets: readonly string[]) => string[]): AssetCondition {
  return 'all' in condition ? { all: names(condition.all) } : { any: names(condition.any) };
}

/** A file that is not yet whole. */
export function partOf(file: string): string {
  return `${file}.part`;
}

/** In one step: a reader sees the old file or the new one. `write` gets the path of the new one. */
export async function replaceFile(file: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = partOf(file);
  await write(part);
  await rename(part, file);
}
