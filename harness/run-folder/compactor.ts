import path from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';

import type { TableName } from '../model/tables.ts';
import { packSegment } from './pack.ts';

/** Of DuckDB, beside a load; what takes more is spilled. A segment of 8 MB of lines takes 35. */
const MEMORY = '128MB';

interface Segment {
  readonly table: TableName;
  readonly number: number;
}

/**
 * Turns full segments of lines into Parquet while the run goes on, one after another. The work is DuckDB's, in a thread of
 * its own that the event loop does not wait for. It is never needed: what it does not do, for whatever reason, is done
 * when the run is closed, so that its failures stop nothing and lose nothing.
 */
export class Compactor {
  readonly #runFolder: string;
  readonly #waiting: Segment[] = [];
  #working: Promise<void> | undefined;
  #over = false;
  /** How many segments it made, and how many it had to leave as lines. */
  readonly counts = { compacted: 0, left: 0 };

  constructor(runFolder: string) {
    this.#runFolder = runFolder;
  }

  add(table: TableName, number: number): void {
    if (this.#over) return;
    this.#waiting.push({ table, number });
    this.#working ??= this.#work();
  }

  /** Resolves when it touches nothing any more: whoever closes the tables does the rest. */
  async close(): Promise<void> {
    this.#over = true;
    await this.#working;
  }

  /** DuckDB is there while it is needed: it keeps what memory it once had. */
  async #work(): Promise<void> {
    try {
      const temp_directory = path.join(this.#runFolder, 'raw', 'spill');
      const database = await DuckDBInstance.create(':memory:', { memory_limit: MEMORY, threads: '1', temp_directory });
      try {
        for (let next = this.#waiting.shift(); next && !this.#over; next = this.#waiting.shift()) {
          await this.#pack(database, next);
        }
      } finally {
        database.closeSync();
      }
    } catch {
      // It could not begin. There will be more memory for the next one.
      this.counts.left += this.#waiting.splice(0).length;
    } finally {
      this.#working = undefined;
    }
  }

  async #pack(database: DuckDBInstance, { table, number }: Segment): Promise<void> {
    const connection = await database.connect();
    try {
      await packSegment(connection, this.#runFolder, table, number);
      this.counts.compacted++;
    } catch {
      this.counts.left++;
    } finally {
      connection.closeSync();
    }
  }
}
