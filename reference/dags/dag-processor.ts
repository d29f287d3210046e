import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { openPool } from '../database/connect.ts';
import { runJob } from '../database/job.ts';
import { retriedTransaction } from '../database/retry.ts';
import { log } from '../log.ts';
import type { Role } from '../role.ts';
import { TIMES } from '../settings.ts';
import { writeAssets } from './asset-rows.ts';
import { lockDags, markAbsentFiles, markAbsentFromFile, upsertDag } from './dag-rows.ts';
import type { DagJson } from './serialized-dag.ts';
import { writeDag } from './write-dag.ts';

const CONNECTIONS = 2;

/** When a file was last read, and what it looked like then. */
interface Seen {
  readonly mtimes: string;
  readonly at: number;
}

/** `DagFileProcessorManager`, for the files of the DAG factory: `wt_dags*.py` with their JSON beside them. */
export async function runDagProcessor({ settings, signal }: Role): Promise<void> {
  const pool = openPool(settings, CONNECTIONS);
  try {
    await runJob(pool, 'DagProcessorJob', async (job) => {
      const seen = new Map<string, Seen>();
      while (!signal.aborted) {
        await processFolder(pool, settings.dagsFolder, seen);
        await job.beat();
        await sleep(TIMES.dagFolderMs, undefined, { signal }).catch(() => undefined);
      }
    });
  } finally {
    await pool.end();
  }
}

/** One look at the folder: files that are due or have changed are read, DAGs of files that have gone become stale. */
export async function processFolder(pool: pg.Pool, folder: string, seen: Map<string, Seen>): Promise<void> {
  // A folder that is not there yet has no files: the harness makes it when it publishes the DAGs.
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
  const isFirstLook = seen.size === 0;
  const present = names.filter((name) => /^wt_dags.*\.py$/.test(name)).sort();
  for (const py of present) {
    const json = path.join(folder, py.replace(/\.py$/, '.json'));
    const mtimes = await mtimesOf([path.join(folder, py), json]);
    const before = seen.get(py);
    const now = performance.now();
    if (before && before.mtimes === mtimes && now - before.at < TIMES.dagFileMs) continue;
    seen.set(py, { mtimes, at: now });
    await processFile(pool, path.join(folder, py), json);
  }
  const gone = [...seen.keys()].filter((name) => !present.includes(name));
  for (const name of gone) seen.delete(name);
  if (gone.length > 0 || isFirstLook) {
    const stale = await retriedTransaction(pool, 'deactivate_deleted_dags', (tx) => markAbsentFiles(tx, present));
    if (stale > 0) log('info', `Deactivated ${stale} DAGs of files that are no longer there`);
  }
}

async function processFile(pool: pg.Pool, py: string, json: string): Promise<void> {
  const started = performance.now();
  let dags: readonly DagJson[];
  try {
    dags = parse(await readFile(json, 'utf8'));
  } catch (error) {
    // The factory is copied before its first DAGs are written; anything else is a broken file, which changes nothing.
    log('error', `Failed to import: ${json}: ${error instanceof Error ? error.message : error}`);
    return;
  }
  await retriedTransaction(pool, 'update_dag_parsing_results_in_db', async (tx) => {
    await lockDags(tx, path.basename(py), dags);
    const parsed = { fileloc: py, durationS: (performance.now() - started) / 1000 };
    // In the order of their ids, the order in which all processes lock several rows.
    for (const dag of [...dags].sort((a, b) => (a.dag_id < b.dag_id ? -1 : 1))) {
      await upsertDag(tx, dag, parsed);
      const version = await writeDag(tx, dag);
      if (version !== null) log('info', `DAG ${dag.dag_id} written as version ${version}`);
    }
    await writeAssets(tx, dags);
    await markAbsentFromFile(tx, path.basename(py), dags);
  });
}

function parse(text: string): readonly DagJson[] {
  const dags: unknown = JSON.parse(text);
  if (!Array.isArray(dags)) throw new Error('not a list of DAGs');
  return dags as readonly DagJson[];
}

async function mtimesOf(files: readonly string[]): Promise<string> {
  const times = await Promise.all(
    files.map(async (file) => (await stat(file, { bigint: true }).catch(() => undefined))?.mtimeNs ?? 0n),
  );
  return times.join('/');
}
