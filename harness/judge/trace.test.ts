import { expect, test } from 'vitest';

import { withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const API = { process: 'api-execution-1', pid: 7, packet: 1 } as const;
const UPDATE = "UPDATE task_instance SET state='success' WHERE id = 'ti-1'";
const INSERT = "INSERT INTO xcom VALUES ('a')";

/** A request that locks a task and changes it in a transaction, what follows on its connection, and the commits. */
const RUN: LiteralRun = {
  statement_kinds: [
    { kind: 1, verb: 'select', tables: 'task_instance', locks: 'task_instance', text: 'SELECT …' },
    { kind: 2, verb: 'update', target: 'task_instance', tables: 'task_instance', text: 'UPDATE …' },
    { kind: 3, verb: 'commit', text: 'COMMIT' },
    { kind: 4, verb: 'insert', target: 'xcom', tables: 'xcom', text: 'INSERT …' },
  ],
  statements: [
    { n: 1, ...API, tx: 1, place: 1, kind: 1, sent_ms: 5_001, answered_ms: 5_001.5, row_count: 1 },
    { n: 2, ...API, tx: 1, place: 2, kind: 2, sent_ms: 5_002, answered_ms: 5_002.5, text: UPDATE },
    { n: 3, ...API, tx: 1, place: 3, kind: 3, sent_ms: 5_003, answered_ms: 5_004 },
    // One message with two statements.
    { n: 4, ...API, packet: 2, tx: 2, place: 0, kind: 2, sent_ms: 9_000, answered_ms: 9_001, text: UPDATE },
    { n: 5, ...API, packet: 2, tx: 2, place: 1, kind: 4, sent_ms: 9_000, answered_ms: 9_001, text: UPDATE },
    // Of another connection, with the same text.
    { n: 6, ...API, pid: 8, tx: 1, place: 0, kind: 2, sent_ms: 9_000, answered_ms: 9_001, text: UPDATE },
  ],
  commits: [
    { state: 'running', committed_ms: 4_000, writer: 'wt-api-execution-1', writer_pid: 7, statement: 'UPDATE other' },
    { state: 'success', committed_ms: 5_003.5, writer: 'wt-api-execution-1', writer_pid: 7, statement: UPDATE },
    { relation: 'xcom', committed_ms: 9_000.5, writer: 'wt-api-execution-1', writer_pid: 7, statement: UPDATE },
    { state: 'removed', committed_ms: 9_100, writer: 'wt-harness', writer_pid: 9, statement: INSERT },
  ],
  operations: [{ kind: 'state', requested: 'success', sent_ms: 5_000, ended_ms: 5_010 }],
  samples: [
    { at_ms: 60_000, source: 'postgres', metric: 'statements_traced', value: 6 },
    { at_ms: 60_000, source: 'postgres', metric: 'statements_counted', value: 7 },
  ],
};

test('a committed change is joined to the last message of its backend with its text, and to its table', async () => {
  await withLiteralRun(RUN, async (run) => {
    expect(await run.rows('FROM written_by ORDER BY seq')).toEqual([
      { seq: 2, n: 2 },
      { seq: 3, n: 5 },
    ]);
  });
});

test('a request is that of every statement of the transaction that it committed', async () => {
  await withLiteralRun(RUN, async (run) => {
    expect(await run.rows('SELECT n FROM served ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });
});

test('what the trace lacks is counted, without what the harness itself wrote', async () => {
  await withLiteralRun(RUN, async (run) => {
    expect(await run.rows('FROM trace_completeness')).toEqual([
      { traced: 6, counted: 7, changes: 3, with_statement: 2 },
    ]);
  });
});
