import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { HAS_IMPORT_ERRORS, IMPORT_ERRORS, KNOWN_DAGS } from '../model/airflow/statements.ts';
import { StackError } from '../model/errors.ts';
import type { Stack } from '../model/stack.ts';
import { withClient } from '../system/postgres-client.ts';
import type { Parts } from './parts.ts';
import type { RunSession } from './session.ts';

/** Executors look for the harness twice a second; a scheduler that has not come by then has no hand-off executor. */
const CONNECT_MS = 60_000;
const DAGS_MS = 60_000;

/** Sets the pool, writes the DAGs, then waits for the schedulers and the DAGs. */
export async function makeReady(
  { plan, stop, time, spec }: RunSession,
  stack: Stack,
  { operators, dags, dispatcher }: Parts,
): Promise<void> {
  // Before the DAGs are there: what is queued first is queued by these rules, too.
  await time('set the pool', () => operators.prepare(stop));
  await time('publish the DAGs', () => dags.publish());
  await time('wait for the schedulers to connect', () => waitForSchedulers(dispatcher, stack.schedulers, stop));
  const dagIds = plan.scenario.dags.map((dag) => `${stack.dagNamespace}${dag.dag_id}`);
  const [factory = ''] = dags.files;
  await time('wait for the DAGs to be parsed', () => waitForDags(stack, { dagIds, factory, stop }));
  if (spec.shared?.carried?.isPaused) await time('unpause the DAGs', () => operators.pauseDags(dagIds, false, stop));
}

async function waitForSchedulers(dispatcher: Parts['dispatcher'], wanted: number, stop: AbortSignal): Promise<void> {
  for (let waited = 0; dispatcher.known().executors < wanted; waited += 100) {
    stop.throwIfAborted();
    if (waited > CONNECT_MS) {
      const why = dispatcher.refused ? ` The last one was refused: ${dispatcher.refused}.` : '';
      throw new StackError(
        `Only ${dispatcher.known().executors} of ${wanted} schedulers connected to the dispatcher ` +
          `within ${CONNECT_MS / 1000} s.${why}`,
      );
    }
    await sleep(100);
  }
}

interface AwaitedDags {
  readonly dagIds: readonly string[];
  /** The file that makes them. */
  readonly factory: string;
  readonly stop: AbortSignal;
}

async function waitForDags(
  { dsn, dagsFolder, executor }: Stack,
  { dagIds, factory, stop }: AwaitedDags,
): Promise<void> {
  for (let waited = 0; ; waited += 250) {
    stop.throwIfAborted();
    const known = await withClient(dsn, async (client) => {
      const { rows } = await client.query<{ n: string }>(KNOWN_DAGS, [dagIds]);
      return Number(rows[0]?.n ?? 0);
    });
    if (known >= dagIds.length) return;
    const late = waited > DAGS_MS;
    const why = late || executor !== undefined ? await importError(dsn, path.basename(factory)) : undefined;
    // An executor that Airflow does not know: it will not know it later either.
    if (late || (executor !== undefined && why?.includes(executor))) {
      throw new StackError(
        `Airflow knows ${known} of the ${dagIds.length} DAGs written to ${dagsFolder} after ${waited / 1000} s: ` +
          (why === undefined ? 'does its dag-processor read that folder?' : `it cannot import them, because ${why}`),
      );
    }
    await sleep(250);
  }
}

/** The last line of what Airflow's dag-processor says of a file; undefined if nothing, and on the reference stack. */
async function importError(dsn: string, file: string): Promise<string | undefined> {
  return withClient(dsn, async (client) => {
    const { rows: tables } = await client.query(HAS_IMPORT_ERRORS);
    if (tables.length === 0) return undefined;
    const { rows } = await client.query<{ text: string }>(IMPORT_ERRORS, [file]);
    return rows[0]?.text.trim().split('\n').at(-1);
  });
}
