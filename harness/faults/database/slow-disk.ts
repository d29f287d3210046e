import type pg from 'pg';
import type { Stack } from '../../model/stack.ts';
import { withClient } from '../../system/postgres-client.ts';
import type { Fault, Host } from '../fault.ts';

/**
 * Every commit takes longer, as on a disk with a full write cache. `commit_delay` makes the process that flushes the
 * log wait before it does, while it holds the lock that all other commits wait for; with `commit_siblings` at 0, and
 * `fsync` on, each flush waits. A lone commit waits for the whole delay; commits that arrive during it are flushed with
 * it and wait for the rest.
 */
export const slowDisk: Fault = {
  name: 'slow-disk',
  describe: 'Every flush of the write-ahead log, and each commit with it, takes 20 to 100 ms longer',
  lasts_ms: [3_000, 15_000],
  unavailable: changesTheServer,
  draw: (_host, rng) => ({ victim: 'postgres', with: { delay_ms: Math.round(rng.between(20, 100)) } }),

  async inject({ stack }, { with: { delay_ms } }) {
    await configure(stack, (client) =>
      set(client, { commit_delay: String(Number(delay_ms) * 1_000), commit_siblings: '0' }),
    );
    return async () => {
      await configure(stack, (client) => set(client, { commit_delay: null, commit_siblings: null }));
      return undefined;
    };
  },
};

function changesTheServer({ ours }: Host): string | null {
  return ours ? null : 'changes the settings of the server, which a killed harness would leave changed in a target';
}

/** All connections read the settings again, each before its next statement. */
function configure(stack: Stack, change: (client: pg.Client) => Promise<void>): Promise<void> {
  return withClient(stack.dsn, async (client) => {
    await change(client);
    await client.query('SELECT pg_reload_conf()');
  });
}

async function set(client: pg.Client, settings: Readonly<Record<string, string | null>>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) {
    await client.query(value === null ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = ${value}`);
  }
}
