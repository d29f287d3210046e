import { expect, test } from 'vitest';

import { StackError } from '../model/errors.ts';
import { DatabaseAwayError } from '../system/postgres-client.ts';
import { Outages } from './outages.ts';

/** What a run that is `play`ed writes into the table faults, with a clock that stands at `at.ms`. */
function faultsOf(play: (outages: Outages, at: { ms: number }) => void): object[] {
  const rows: object[] = [];
  const at = { ms: 0 };
  const record = {
    append: (table: string, row: object) => void (table === 'faults' && rows.push(row)),
    flush: async () => undefined,
    behindMs: 0,
  };
  play(new Outages(record, { now: () => at.ms, fromWall: (wallMs) => wallMs, startedAt: new Date(0) }), at);
  return rows;
}

const closed = new DatabaseAwayError('the database has closed the connection', new Error('x'));
const refused = new DatabaseAwayError('refused', { code: 'ECONNREFUSED' });
const tooMany = new DatabaseAwayError('too many clients', { code: '53300' });

test('a database that is not there is an outage, from its last answer to the next', () => {
  const rows = faultsOf((outages, at) => {
    outages.answered('monday');
    at.ms = 2_000;
    outages.failed(refused);
    at.ms = 3_000;
    outages.failed(refused);
    at.ms = 4_000;
    outages.answered('monday');
    at.ms = 9_000;
    outages.answered('monday');
  });
  expect(rows).toMatchObject([
    { fault: 'unplanned-outage', victim: 'postgres', opened_ms: 0, closed_ms: null, detail: 'refused' },
    { fault: 'unplanned-outage', window: 100_001, opened_ms: 0, closed_ms: 9_000, cuts_connections: true },
  ]);
});

test('one reading that fails, other errors and a build that takes all connections are none', () => {
  const rows = faultsOf((outages) => {
    outages.failed(closed);
    outages.answered('monday');
    outages.failed(closed);
    outages.answered('monday');
    for (let i = 0; i < 5; i++) outages.failed(tooMany);
    for (let i = 0; i < 5; i++) outages.failed(new StackError('something else'));
  });
  expect(rows).toEqual([]);
  const twice = faultsOf((outages) => {
    outages.failed(closed);
    outages.failed(closed);
  });
  expect(twice.length).toBe(1);
  expect(faultsOf((outages) => outages.failed(closed, { isSure: true })).length).toBe(1);
});

test('a restart between two readings, and what the logs say, is an outage', () => {
  const log = (row: object) => (outages: Outages, at: { ms: number }) => {
    at.ms = 500;
    outages.answered('monday');
    at.ms = 1_000;
    outages.answered('monday');
    outages.append('server_log', { at_ms: 700, message: '', ...row });
  };
  const restarted = faultsOf((outages) => {
    outages.answered('monday');
    outages.answered('tuesday');
  });
  expect(restarted).toMatchObject([{ detail: 'the database was restarted' }]);
  for (const row of [
    { source: 'postgres', sqlstate: '53100', message: 'could not extend file' },
    { source: 'postgres', sqlstate: 'XX000', severity: 'PANIC' },
    { source: 'api-core-1', message: '(psycopg2.errors.DiskFull) could not extend file' },
  ])
    expect(faultsOf(log(row))).toMatchObject([{ opened_ms: 700, closed_ms: null }]);
  // A server that is starting, one connection that an administrator ends, a deadlock, what the harness says itself.
  for (const row of [
    { source: 'postgres', sqlstate: '57P03', severity: 'FATAL', at_ms: 499 },
    { source: 'postgres', sqlstate: '57P01', severity: 'FATAL' },
    { source: 'postgres', sqlstate: '40P01', severity: 'ERROR' },
    { source: 'harness', severity: 'ERROR', message: 'No space left on device' },
  ])
    expect(faultsOf(log(row))).toEqual([]);
  // Of Airflow's line only the words that say it: others use a target, too.
  const secret = { source: 'api-core-1', message: 'INSERT (hunter2): No space left on device' };
  expect(faultsOf(log(secret))).toMatchObject([{ detail: 'api-core-1 says: No space left on device' }]);
  const starting = { source: 'postgres', sqlstate: '57P03', at_ms: 700, message: 'starting up' };
  expect(faultsOf(log(starting))).toMatchObject([{ opened_ms: 700 }]);
  expect(faultsOf((outages) => outages.append('server_log', starting))).toEqual([]);
});

test('what a fault of the plan does to the database is none, while it lasts and a moment after', () => {
  const planned = { fault: 'restart-postgres', victim: 'postgres', window: 1, opened_ms: 0 };
  const rows = faultsOf((outages, at) => {
    outages.answered('monday');
    outages.append('faults', { ...planned, closed_ms: null });
    for (let i = 0; i < 5; i++) outages.failed(refused);
    at.ms = 5_000;
    outages.append('faults', { ...planned, closed_ms: 5_000 });
    outages.answered('tuesday');
    at.ms = 20_000;
    outages.answered('tuesday');
    outages.failed(refused);
  });
  expect(rows.slice(2)).toMatchObject([{ fault: 'unplanned-outage', opened_ms: 20_000 }]);
});
