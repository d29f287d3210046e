import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRun } from '../judge/open-run.ts';
import { Rng } from '../model/rng.ts';
import { literalManifest } from '../testing/literal-run.ts';
import { closeTables } from './close.ts';
import { Compactor } from './compactor.ts';
import { runTables } from './reader.ts';
import { RunFolder } from './writer.ts';

let scratch: string;
let folder: string;

beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  folder = path.join(scratch, 'run');
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function operation(op: number): object {
  const life = Math.ceil(op / 7);
  return {
    op,
    actor: 'life',
    life,
    worker: `w-${life}`,
    kind: 'heartbeat',
    sent_ms: op / 8,
    correlation_id: `0a1b2c3d-${op}`,
    outcome: 'ok',
  };
}

/** What readers make of a table, whoever else has to do with it. */
async function read<Row>(sql: (operations: string) => string): Promise<Row[]> {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await database.connect();
  try {
    const table = (await runTables(connection, folder)).find(({ name }) => name === 'operations');
    const result = await connection.runAndReadAll(sql(`(${table?.select})`));
    return result.getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

/** Every number from 1 on, each once: how many. */
async function numbered(): Promise<number> {
  const [row] = await read<{ rows: string; different: string; last: string }>(
    (operations) => `SELECT count(*) AS rows, count(DISTINCT op) AS different, max(op) AS last FROM ${operations}`,
  );
  expect({ ...row }).toEqual({ rows: row?.last, different: row?.last, last: row?.last });
  return Number(row?.last);
}

function raw(kind: 'ndjson' | 'parquet'): string[] {
  return readdirSync(path.join(folder, 'raw')).filter((name) => name.endsWith(`.${kind}`));
}

async function until(there: () => boolean): Promise<void> {
  while (!there()) await sleep(20);
}

/** Some segments, and some lines that do not fill one. */
async function writeSome(run: RunFolder, rows: number, from = 1): Promise<void> {
  for (let op = from; op < from + rows; op++) {
    run.append('operations', operation(op));
    if (op % 100 === 0) await run.flush();
  }
  await run.flush();
}

test('full segments are compacted while the run goes on, and every row is read once, then and when it is closed', async () => {
  const run = new RunFolder(folder, { segmentBytes: 50_000 });
  await writeSome(run, 2_000);
  await until(() => run.segments.compacted >= 2);
  await writeSome(run, 1_000, 2_001);
  await until(() => raw('ndjson').length === 1);
  expect(await numbered()).toBe(3_000);
  await run.close();
  expect(run.segments.left).toBe(0);
  expect(await numbered()).toBe(3_000);
  const rows = () => read((operations) => `FROM ${operations} ORDER BY op`);
  const before = await rows();
  await closeTables(folder);
  expect(readdirSync(path.join(folder, 'raw'))).toEqual([]);
  expect(await rows()).toEqual(before);
  expect(before[2_999]).toMatchObject({ ...operation(3_000), op: '3000', life: 429, reason: null });
});

test('a run can be asked while its segments turn from lines into Parquet', async () => {
  const run = new RunFolder(folder, { segmentBytes: 20_000 });
  await run.writeManifest({ ...literalManifest({}), ended: null });
  let written = 0;
  for (let asked = 0; asked < 5; asked++) {
    await writeSome(run, 1_000, written + 1);
    written += 1_000;
    const opened = await openRun(folder);
    const counts = 'SELECT count(*) AS rows, count(DISTINCT op) AS different FROM operations';
    expect(await opened.row(counts)).toEqual({ rows: written, different: written });
    await opened.close();
  }
  await run.close();
});

test('a segment that is there as lines and as Parquet counts once, as does one that was half written', async () => {
  const run = new RunFolder(folder, { segmentBytes: 50_000 });
  await writeSome(run, 1_000);
  await until(() => run.segments.compacted >= 1);
  await run.close();
  copyFileSync(path.join(folder, 'raw/operations.1.parquet'), path.join(folder, 'raw/operations.2.parquet.next'));
  const other = new RunFolder(path.join(scratch, 'other'));
  await writeSome(other, 300);
  await other.close();
  copyFileSync(path.join(scratch, 'other/raw/operations.ndjson'), path.join(folder, 'raw/operations.ndjson'));
  expect(await numbered()).toBe(1_000);
  await closeTables(folder);
  expect(await numbered()).toBe(1_000);
  expect(readdirSync(path.join(folder, 'raw'))).toEqual([]);
});

test('what cannot be compacted stays as lines, and the run goes on', async () => {
  const run = new RunFolder(folder, { segmentBytes: 50_000 });
  // In the way of the first segment, and of no other.
  mkdirSync(path.join(folder, 'raw', 'operations.1.parquet.next', 'full'), { recursive: true });
  await writeSome(run, 2_000);
  // But for that one, and the one that is being written.
  await until(() => run.segments.left >= 1 && run.segments.compacted >= 1 && raw('ndjson').length === 2);
  expect(run.failed.aborted).toBe(false);
  expect(raw('ndjson')).toContain('operations.ndjson');
  expect(await numbered()).toBe(2_000);
  await run.close();
  rmSync(path.join(folder, 'raw', 'operations.1.parquet.next'), { recursive: true });
  await closeTables(folder);
  expect(await numbered()).toBe(2_000);
});

test('where nothing can be compacted, what is added later is tried again, and it is closed all the same', async () => {
  // There is no `raw` in it.
  const compactor = new Compactor(scratch);
  compactor.add('operations', 1);
  compactor.add('commits', 1);
  await until(() => compactor.counts.left === 2);
  compactor.add('operations', 2);
  await until(() => compactor.counts.left === 3);
  await compactor.close();
});

test('closing waits for the segment under way and begins no other', async () => {
  const run = new RunFolder(folder, { segmentBytes: 20_000 });
  await writeSome(run, 2_000);
  await run.close();
  const before = readdirSync(path.join(folder, 'raw'));
  await sleep(300);
  expect(readdirSync(path.join(folder, 'raw'))).toEqual(before);
  expect(before.filter((name) => name.endsWith('.next'))).toEqual([]);
  expect(await numbered()).toBe(2_000);
});

test('a run that was killed while it compacted has every row that was acknowledged, once', {
  timeout: 60_000,
}, async () => {
  const rng = new Rng(7);
  const writer = `
    import { RunFolder } from ${JSON.stringify(new URL('writer.ts', import.meta.url).href)};
    const operation = ${operation};
    const run = new RunFolder(process.env.RUN, { segmentBytes: 100_000 });
    for (let op = 0; ; ) {
      for (const last = op + 50; op < last; ) run.append('operations', operation(++op));
      await run.flush();
      console.log(op);
      await new Promise((resume) => setTimeout(resume, 1));
    }`;
  let compacted = 0;
  for (let round = 0; round < 6; round++) {
    folder = path.join(scratch, `run-${round}`);
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', writer], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, RUN: folder },
    });
    const acknowledged = await killed(child, rng.between(600, 1_500));
    compacted += raw('parquet').length;
    expect(await numbered()).toBeGreaterThanOrEqual(acknowledged);
    const before = await numbered();
    await closeTables(folder);
    expect(await numbered()).toBe(before);
    expect(existsSync(path.join(folder, 'operations.parquet'))).toBe(true);
  }
  expect(compacted).toBeGreaterThan(3);
});

/** SIGKILLs so long after the first row was acknowledged; returns the last number that was. */
async function killed(child: ChildProcess, afterMs: number): Promise<number> {
  let last = 0;
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on('line', (line) => {
    if (last === 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
    last = Number(line);
  });
  await Promise.all([once(child, 'close'), once(lines, 'close')]);
  return last;
}
