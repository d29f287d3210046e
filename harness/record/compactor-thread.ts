import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

import { DuckDBInstance } from '@duckdb/node-api';

import { messageOf } from '../model/errors.ts';
import { packSegment } from '../tables/pack.ts';
import type { CompactorAnswer, CompactorTask } from './compactor.ts';

/** Of DuckDB, beside a load; what takes more is spilled. A segment of 32 MB of lines takes 112. */
const MEMORY = '256MB';

const { runFolder }: { runFolder: string } = workerData;

parentPort?.on('message', async (task: CompactorTask) => {
  const answer: CompactorAnswer = { error: await compacted(task) };
  parentPort?.postMessage(answer);
});

/** What went wrong, or null. DuckDB is there while it is needed: it keeps what memory it once had. */
async function compacted({ table, segment }: CompactorTask): Promise<string | null> {
  try {
    const database = await DuckDBInstance.create(':memory:', {
      memory_limit: MEMORY,
      threads: '1',
      temp_directory: path.join(runFolder, 'raw', 'spill'),
    });
    try {
      const connection = await database.connect();
      await packSegment(connection, runFolder, table, segment).finally(() => connection.closeSync());
    } finally {
      database.closeSync();
    }
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
