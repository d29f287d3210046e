import { setTimeout as sleep } from 'node:timers/promises';

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
  { plan, stop, time }: RunSession,
  stack: Stack,
  { operators, dags, dispatcher }: Parts,
): Promise<void> {
  // Before the DAGs are there: what is queued first is queued by these rules, too.
  await time('set the pool', () => operators.prepare(stop));
  await time('publish the DAGs', () => dags.publish());
  await time('wait for the schedulers to connect', () => waitForSchedulers(dispatcher, stack.schedulers, stop));
  const dagIds = plan.scenario.dags.map((dag) => `${stack.dagNamespace}${dag.dag_id}`);
  await time('wait for the DAGs to be parsed', () => waitForDags(stack, dagIds, stop));
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

async function waitForDags({ dsn, dagsFolder }: Stack, dagIds: readonly string[], stop: AbortSignal): Promise<void> {
  for (let waited = 0; ; waited += 250) {
    stop.throwIfAborted();
    const known = await withClient(dsn, async (client) => {
      const { rows } = await client.query<{ n: string }>(
        'SELECT count(*) AS n FROM serialized_dag WHERE dag_id = ANY($1)',
        [dagIds],
      );
      return Number(rows[0]?.n ?? 0);
    });
    if (known >= dagIds.length) return;
    if (waited > DAGS_MS) {
      throw new StackError(
        `Airflow knows ${known} of the ${dagIds.length} DAGs written to ${dagsFolder} after ${DAGS_MS / 1000} s: ` +
          'does its dag-processor read that folder?',
      );
    }
    await sleep(250);
  }
}
