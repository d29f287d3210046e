import pLimit from 'p-limit';

import type { Stage } from '../director/stage.ts';
import { CuedEngine } from '../fleet/engines/cued.ts';
import type { Stack } from '../model/stack.ts';
import { connect, disconnect } from '../system/postgres-client.ts';
import type { Parts } from './parts.ts';
import type { RunSession } from './session.ts';

interface ScriptedRun {
  readonly session: RunSession;
  readonly stack: Stack;
  readonly parts: Parts;
  readonly signal: AbortSignal;
}

/** Plays a script on the parts of a run. Resolves also when the run stops. */
export async function playScript(
  play: (stage: Stage) => Promise<void>,
  { session: { clock, record }, stack: { dsn, wires, dagNamespace }, parts, signal }: ScriptedRun,
): Promise<void> {
  const { engine, dags, operators } = parts;
  if (!wires || !(engine instanceof CuedEngine)) throw new Error('a script needs wires and lives that wait for cues');
  const client = await connect(dsn, { name: 'wt-harness-director' });
  const inTurn = pLimit(1);
  try {
    await play({
      wires,
      database: {
        rows: (sql, values) => inTurn(async () => (await client.query(sql, values)).rows),
      },
      clock,
      record,
      operators: operators.actions,
      signal,
      workers: () => engine.workers,
      dagId: (dag) => `${dagNamespace}${dag}`,
      revise: (dag) => dags.bumpRevision([dag]),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await disconnect(client);
  }
}
