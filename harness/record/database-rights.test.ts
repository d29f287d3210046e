import { expect, test } from 'vitest';

import { lacksOfServer, type RecordingServer } from './database-rights.ts';

const SERVER: RecordingServer = {
  version: 18,
  role: 'airflow',
  database: 'airflow',
  wal_level: 'logical',
  standby: false,
  superuser: false,
  replication: true,
  may_create: true,
  sees_all: true,
  slots: ['debezium'],
  max_slots: 2,
  senders: 1,
  max_senders: 2,
  keep: '8GB',
  idle: [],
};

test.each([
  [{}, []],
  [{ version: 14 }, ['PostgreSQL is 14: 15 or newer is needed.']],
  [{ wal_level: 'replica' }, ['wal_level is "replica": set wal_level = logical and restart PostgreSQL.']],
  [{ standby: true }, ['The server is a standby: name the primary in the dsn.']],
  [{ max_slots: 1 }, ['No replication slot is free: max_replication_slots is 1, with debezium.']],
  [{ max_senders: 1 }, ['No walsender is free: max_wal_senders is 1, and all of them are in use.']],
  [
    { role: 'Wind"tunnel', replication: false },
    ['The role "Wind"tunnel" may not replicate: ALTER ROLE "Wind""tunnel" REPLICATION.'],
  ],
  [{ replication: false, superuser: true }, []],
])('a server that is %j lacks %j', (changes, lacks) => {
  expect(lacksOfServer({ ...SERVER, ...changes })).toEqual(lacks);
});
