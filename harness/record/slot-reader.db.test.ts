import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';
import { withClient } from '../system/postgres-client.ts';
import { newDatabase } from '../testing/database.ts';
import { openUnreliableWay } from '../testing/unreliable-way.ts';
import { SlotReader } from './slot-reader.ts';
import { Installation } from './writers.ts';

test('a stream on which nothing arrives any more is noticed, and opened again without loss', async () => {
  const database = await newDatabase(REFERENCE_TEMPLATE);
  const way = await openUnreliableWay(database.port);
  const installation = new Installation(database.dsn, 'abc0de');
  await installation.install();
  const url = new URL(database.dsn);
  url.port = String(way.port);
  const arrived = new Set<unknown>();
  const failures: Error[] = [];
  let silences = 0;
  const reader = new SlotReader({
    dsn: url.href,
    slot: installation.name,
    publication: installation.name,
    silentMax: 2,
    onMessage: (message) => {
      if (message.tag === 'insert') arrived.add(message.new.run_id);
    },
    written: async () => undefined,
    onFailure: (error) => failures.push(error),
    onSilence: () => {
      silences++;
      way.state = 'open';
    },
  });
  const write = (run: string) =>
    withClient(database.dsn, (client) =>
      client.query(
        `INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state)
         VALUES ('wt_a', $1, 'manual', now(), 'queued')`,
        [run],
      ),
    );
  const until = async (run: string) => {
    for (let waited = 0; !arrived.has(run) && waited < 60_000; waited += 20) await sleep(20);
  };
  try {
    await reader.start();
    await write('before');
    await until('before');
    // Longer than the silence that is allowed: an idle server answers.
    await sleep(4_000);
    expect(silences).toBe(0);
    way.state = 'silent';
    // Its packets are lost on the way, and the server takes them for sent.
    await write('in the silence');
    await until('in the silence');
    expect([...arrived]).toEqual(['before', 'in the silence']);
    expect({ silences, failures }).toEqual({ silences: 1, failures: [] });
  } finally {
    await reader.close();
    await way.close();
    expect(await installation.remove()).toBeUndefined();
    await database.drop();
  }
});
