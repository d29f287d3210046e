import { mkdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { openRun } from '../judge/open-run.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import { identifier, literal } from './files.ts';

const HOW = {
  csv: '(FORMAT csv, HEADER)',
  parquet: '(FORMAT parquet, COMPRESSION zstd)',
} as const;

/** Every table that was recorded as a file of `folder`; returns the files. Each appears whole, by renaming. */
export async function exportTables(run: string, folder: string, format: keyof typeof HOW): Promise<string[]> {
  if (path.resolve(run) === folder) {
    throw new UsageError(`${folder} is the run folder itself, whose tables must stay as they are: name another --out.`);
  }
  const open = await openRun(run);
  try {
    mkdirSync(folder, { recursive: true });
    const files: string[] = [];
    const connection = await open.connect();
    try {
      for (const { name, source } of open.tables) {
        if (source === null) continue;
        const file = path.join(folder, `${name}.${format}`);
        const next = `${file}.next`;
        try {
          await connection.run(`COPY (FROM ${identifier(name)}) TO ${literal(next)} ${HOW[format]}`);
        } catch (error) {
          await rm(next, { force: true });
          throw new UsageError(`${file} could not be written: ${messageOf(error)}`, { cause: error });
        }
        await rename(next, file);
        files.push(file);
      }
    } finally {
      connection.closeSync();
    }
    return files;
  } finally {
    await open.close();
  }
}
