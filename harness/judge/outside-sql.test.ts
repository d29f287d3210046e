import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { runSql } from '../testing/duckdb.ts';
import { literalManifest, writeLiteralRun } from '../testing/literal-run.ts';
import { readOwnInvariants } from './invariants.ts';
import { judge } from './judge.ts';
import { openRun } from './open-run.ts';
import { checkReading } from './outside-sql.ts';
import { queryRun } from './query-run.ts';

let cwd: string;
let secret: string;
/** So many rows that its tables are read from their files while it is judged. */
let large: string;
const small = writeLiteralRun({ operations: [{}, {}] });

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-outside-'));
  secret = path.join(cwd, 'secret.txt');
  writeFileSync(secret, 'hunter2');
  large = path.join(cwd, 'large run [1]');
  mkdirSync(large);
  writeFileSync(path.join(large, 'manifest.json'), JSON.stringify(literalManifest({})));
  for (const table of ['operations', 'commits'])
    await runSql(
      `COPY (SELECT i AS ${table === 'operations' ? 'op' : 'seq'} FROM range(60000) AS t(i))
       TO '${path.join(large, `${table}.parquet`)}' (FORMAT parquet)`,
    );
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => {
  small.remove();
  rmSync(cwd, { recursive: true, force: true });
});

async function rowsOf(folder: string, sql: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { rows } of queryRun(folder, sql)) all.push(...rows);
  return all;
}

/** What is outside, as SQL of an issue or a chat may ask for it; `RUN` is the run's folder. */
const OUTSIDE = [
  "SELECT content FROM read_text('SECRET')",
  "FROM read_csv('SECRET')",
  "FROM 'SECRET'",
  "FROM glob('CWD/*')",
  "FROM read_json('RUN/manifest.json')",
  "FROM read_text('http://127.0.0.1:9/x')",
  "COPY (SELECT 1) TO 'CWD/written'",
  "COPY (SELECT 1) TO 'RUN/operations.parquet' (USE_TMP_FILE false)",
  "EXPLAIN ANALYZE COPY (SELECT 1) TO 'RUN/operations.parquet' (USE_TMP_FILE false)",
  "ATTACH 'CWD/other.duckdb'",
  "EXPORT DATABASE 'CWD/exported'",
  'INSTALL httpfs',
  'LOAD httpfs',
  'SET enable_external_access = true',
  "PRAGMA memory_limit = '99GB'",
  'CREATE TABLE mine AS SELECT 1',
  'DROP TABLE operations',
];

test('SQL sees the run and nothing else, however large it is', async () => {
  for (const folder of [small.folder, large]) {
    const run = await openRun(folder);
    const connection = await run.connect();
    const before = readdirSync(cwd);
    try {
      for (const sql of OUTSIDE) {
        const asked = sql.replaceAll('SECRET', secret).replaceAll('CWD', cwd).replaceAll('RUN', folder);
        const answer = checkReading(connection, asked).then(() => connection.runAndReadAll(asked));
        await expect(answer, asked).rejects.toThrow(
          /Permission Error|not exist|configuration has been locked|The SQL is a statement of type|Loading external/,
        );
      }
      expect(readdirSync(cwd)).toEqual(before);
    } finally {
      connection.closeSync();
      await run.close();
    }
  }
  await expect(rowsOf(small.folder, `FROM read_text('${secret}')`)).rejects.toThrow(
    /^The SQL was not understood: Perm/,
  );
  await expect(rowsOf(small.folder, 'DROP TABLE operations')).rejects.toThrow(/only reads are allowed/);
});

test('what reads the run works, however large it is', async () => {
  expect(await rowsOf(small.folder, 'SELECT count(*) FROM operations')).toEqual([[2]]);
  expect(await rowsOf(large, 'SELECT count(*), max(seq) FROM commits')).toEqual([[60_000, 59_999]]);
  expect(await rowsOf(large, 'EXPLAIN ANALYZE SELECT count(*) FROM operations')).toHaveLength(1);
  expect(await rowsOf(small.folder, 'SUMMARIZE operations')).not.toHaveLength(0);
});

test('a relative folder is read, too', async () => {
  expect(await rowsOf(path.relative(process.cwd(), large), 'SELECT count(*) FROM operations')).toEqual([[60_000]]);
});

function own(name: string, given: string): string {
  const folder = path.join(cwd, name);
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, `${name}.sql`),
    `-- claim: Nothing.\n-- title: Nothing\n-- source: nowhere\n-- needs: operations\n-- exercised-by: operations
-- min-exercised: 1\n-- sentence: {op}\n\n-- given\n${given};\n\n-- violations
SELECT op, sent_ms, 'x' AS subject FROM operations WHERE false\n\n-- exercised\nSELECT 1\n`,
  );
  return folder;
}

test("a user's invariant makes tables of its own, and reaches nothing else", async () => {
  const good = own('good', 'CREATE TEMP TABLE mine AS SELECT op FROM operations;\nINSERT INTO mine VALUES (9)');
  expect(await readOwnInvariants(good)).toHaveLength(1);
  const reads = own('reads', `CREATE TEMP TABLE mine AS FROM read_text('${secret}')`);
  await expect(readOwnInvariants(reads)).rejects.toThrow(/reads\.sql:10: .*Cannot access file/);
  const copies = own('copies', `SELECT 1;\nCOPY (SELECT 1) TO '${cwd}/written'`);
  await expect(readOwnInvariants(copies)).rejects.toThrow(/copies\.sql:10: /);
  expect(readdirSync(cwd)).not.toContain('written');
});

/** Keeps a core busy for hours. */
const ENDLESS = 'SELECT count(*) FROM range(1000000000000) AS t(i) WHERE hash(i) % 7 = 3';

test('a query ends when it has taken its time', async () => {
  vi.stubEnv('WINDTUNNEL_TIME', '300ms');
  await expect(rowsOf(small.folder, ENDLESS)).rejects.toThrow(
    / took longer than 300ms: allow more, as in WINDTUNNEL_T/,
  );
});

test('so does judging, and no part of it is left out because of that', async () => {
  const folder = own('endless', `CREATE TEMP TABLE mine AS ${ENDLESS}`);
  const [file] = await readOwnInvariants(own('quick', 'SELECT 1'));
  const given = readFileSync(path.join(folder, 'endless.sql'), 'utf8').match(/CREATE.*;/)?.[0] ?? '';
  if (!file) throw new Error('there is no invariant');
  vi.stubEnv('WINDTUNNEL_TIME', '600ms');
  const endless = { ...file, sections: { ...file.sections, given } };
  await expect(judge(small.folder, { own: [endless] })).rejects.toThrow(/ took longer than 600ms: allow more/);
  await expect(readOwnInvariants(folder)).rejects.toThrow(/took longer than 600ms/);
});

test('a query ends when it has taken its share of the disk', async () => {
  vi.stubEnv('WINDTUNNEL_MEMORY', '60MB');
  vi.stubEnv('WINDTUNNEL_DISK', '1MB');
  const sorted =
    'SELECT max(m) FROM (SELECT md5(i::VARCHAR) AS m FROM range(3000000) AS t(i) ORDER BY m LIMIT 2500000)';
  await expect(rowsOf(small.folder, sorted)).rejects.toThrow(/ took more than 1MB of the disk: allow more/);
});
