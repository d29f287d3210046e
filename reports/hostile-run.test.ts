import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import { judge } from '../harness/judge/judge.ts';
import { UsageError } from '../harness/model/errors.ts';
import { TABLES } from '../harness/model/tables.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { HOSTILE } from '../harness/testing/fixture.ts';
import { type LiteralRun, writeLiteralRun } from '../harness/testing/literal-run.ts';
import { writeReports } from './write.ts';

/** Hostile run folders: their reports must neither break nor inject. */

/** A text that attacks the reader, in every column that holds text. */
function hostileRow(table: keyof typeof TABLES, numbers: Readonly<Record<string, number>>): Record<string, unknown> {
  const columns = Object.entries(TABLES[table]).map(([column, type]) => [column, type === 'VARCHAR' ? HOSTILE : 1]);
  return { ...Object.fromEntries(columns), ...numbers };
}

const HOSTILE_RUN: LiteralRun = {
  manifest: { build: HOSTILE, repeat: HOSTILE, id: HOSTILE, identity: { [HOSTILE]: HOSTILE } },
  scenario: { name: HOSTILE, describe: HOSTILE },
  operations: [
    { ...hostileRow('operations', { intended_ms: 1_000, sent_ms: 1_000, ended_ms: 1_100, status: 500 }) },
    { dag_id: HOSTILE, task_id: HOSTILE, outcome: 'refused', status: 409, reason: HOSTILE, found_state: HOSTILE },
    { dag_id: HOSTILE, outcome: 'unknown', status: 500, message: `<script>${'x'.repeat(1_000_000)}</script>` },
  ],
  lives: [{ ...hostileRow('lives', { started_ms: 1_000, ended_ms: 9_000, life: 1 }) }],
  commits: [
    { ...hostileRow('commits', { committed_ms: 2_000, seq: 1 }), relation: 'task_instance', change: 'update', row: {} },
    { dag_id: HOSTILE, run_id: HOSTILE, task_id: HOSTILE, state: 'running', committed_ms: 2_100, writer: HOSTILE },
    { dag_id: HOSTILE, run_id: HOSTILE, task_id: HOSTILE, state: 'skipped', committed_ms: 2_200, writer: HOSTILE },
  ],
  server_log: [
    {
      at_ms: 3_000,
      source: 'postgres',
      pid: 7,
      application_name: HOSTILE,
      severity: 'ERROR',
      sqlstate: '40P01',
      message: 'deadlock detected',
      detail: `Process 7 waits for ${HOSTILE}\nProcess 7: ${HOSTILE.repeat(20_000)}\nProcess 8: ${HOSTILE}`,
      statement: HOSTILE.repeat(20_000),
    },
  ],
  faults: [
    { fault: HOSTILE, victim: HOSTILE, opened_ms: 4_000, closed_ms: 5_000, detail: HOSTILE.repeat(10_000), window: 1 },
    { fault: 'never', victim: 'x', opened_ms: 1e300, closed_ms: -1e300, window: 2 },
    { fault: 'negative', victim: 'x', opened_ms: -1e18, closed_ms: 1e18, window: 3 },
  ],
  samples: [
    { at_ms: 1_000, source: HOSTILE, metric: 'rss_bytes', value: 1e300 },
    { at_ms: 1_000, source: HOSTILE, metric: 'cpu_s', value: -5 },
    { at_ms: 2_000, source: HOSTILE, metric: 'cpu_s', value: 1e300 },
    { at_ms: 1e300, source: 'fleet', metric: 'live_lives', value: 4 },
    { at_ms: 2_000, source: 'fleet', metric: HOSTILE, value: 4 },
  ],
};

async function written(folder: string): Promise<Record<'html' | 'markdown' | 'junit' | 'json', string>> {
  await writeReports(folder, await judge(folder), await readManifest(folder));
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');
  return {
    html: read('report.html'),
    markdown: read('report.md'),
    junit: read('junit.xml'),
    json: read('verdict.json'),
  };
}

test('a run in which every text is an attack and every number absurd is reported, and injects nothing', async () => {
  const { folder, remove } = writeLiteralRun(HOSTILE_RUN);
  try {
    const { html, markdown, junit, json } = await written(folder);
    const markup = html.replace(/<script>[\s\S]*?<\/script>/, '');
    expect(markup).not.toMatch(/<(img|iframe|object|svg onload)/);
    expect(markup.match(/<script[^>]*>/g)).toEqual(['<script type="application/json" id="chart-data">']);
    expect(html.length).toBeLessThan(1_000_000);
    expect(markdown.replace(/^(`{3,}).*\n[\s\S]*?\n\1$/gm, '')).not.toMatch(/<(img|script)/);
    expect(junit).not.toMatch(/<(img|script)/);
    expect(JSON.parse(json)).toMatchObject({ build: HOSTILE });
    for (const text of [markup, markdown, junit])
      for (const unseen of ['\u001b', '\u0000', '\u202e']) expect(text).not.toContain(unseen);
  } finally {
    remove();
  }
});

test('a load that claims to have lasted for ages takes neither the memory nor the page', async () => {
  const { folder, remove } = writeLiteralRun({
    manifest: { load_started_ms: -1e15, load_ended_ms: 1e15 },
    operations: [{}],
  });
  try {
    const { html, json } = await written(folder);
    expect(html.length).toBeLessThan(1_000_000);
    expect(json.length).toBeLessThan(20_000_000);
  } finally {
    remove();
  }
});

test.each(Object.keys(TABLES))('a run without the table %s is reported', async (missing) => {
  const { folder, remove } = writeLiteralRun({
    operations: [{}, { outcome: 'refused', status: 409 }],
    lives: [{}],
    commits: [{ state: 'running' }],
    server_log: [],
    faults: [{ fault: 'kill', victim: 'scheduler-1', opened_ms: 2_000, closed_ms: 3_000, window: 1 }],
    samples: [{ at_ms: 1_000, source: 'fleet', metric: 'live_lives', value: 1 }],
    backends: [],
    lock_waits: [],
    [missing]: undefined,
  });
  try {
    const { html } = await written(folder);
    expect(html).toContain('</html>');
    expect(html.replace(/<script>[\s\S]*?<\/script>/, '')).not.toMatch(/NaN|Infinity|undefined/);
  } finally {
    remove();
  }
});

test.each([
  ['cut in the middle', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ['empty', (file: string) => writeFileSync(file, '')],
  ['full of something else', (file: string) => writeFileSync(file, HOSTILE.repeat(100))],
  [
    'damaged inside',
    (file: string) => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0xa5, 4, Math.floor(bytes.length / 2)));
    },
  ],
])('a Parquet file that is %s is one sentence that names what to do', async (_how, damage) => {
  const { folder, remove } = writeLiteralRun({
    operations: Array.from({ length: 500 }, (_, index) => ({ sent_ms: index * 100, message: `message ${index}` })),
    commits: Array.from({ length: 500 }, (_, index) => ({ state: 'running', committed_ms: index * 100 })),
  });
  try {
    await closeTables(folder);
    damage(path.join(folder, 'operations.parquet'));
    const error = await judge(folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(/cannot be read[\s\S]*it was damaged; repeat the run/);
  } finally {
    remove();
  }
});
