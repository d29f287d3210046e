import { readFile } from 'node:fs/promises';

import { TIMES } from '../../reference/settings.ts';
import type { Command } from '../model/stack.ts';
import { childEnvironment } from '../system/environment.ts';
import { moduleArguments } from '../system/installation.ts';
import { withClient } from '../system/postgres-client.ts';
import { QUEUED_TIMEOUT_CHECK_S } from './airflow/settings.ts';
import { schemaChanges } from './defects.ts';
import type { BuildRecipe, Layout, ManagedOptions, ProcessRole } from './managed.ts';
import { databaseTemplate } from './template.ts';

const SCHEMA = new URL('../../reference/database/schema.sql', import.meta.url);
const READY_MS = 60_000;

export interface ReferenceOptions extends ManagedOptions {
  /** Names of defects (`reference/defects/`); none: the stack as it should be. */
  readonly defects: readonly string[];
}

/** The Airflow-like stack of `reference/`: the same processes as a real one, without Python. */
export async function referenceRecipe(options: ReferenceOptions): Promise<BuildRecipe> {
  const { table, progress, signal } = options;
  const schema = await readFile(SCHEMA, 'utf8');
  const changes = schemaChanges(options.defects);
  return {
    build: ['reference', ...options.defects].join('+'),
    identity: {
      reference: options.defects.join(' ') || 'without defects',
      backfill_abandoned_s: String(TIMES.backfillAbandonedMs / 1000),
    },
    heartbeatTimeoutS: options.heartbeatTimeoutS ?? TIMES.heartbeatTimeoutMs / 1000,
    template: (workshop) =>
      databaseTemplate(
        { name: 'reference', key: schema, what: 'making a database (once)' },
        { table, workshop, progress, signal },
        (dsn) => withClient(dsn, async (client) => void (await client.query(schema))),
      ),
    async prepare({ dsn }) {
      if (changes.length > 0) await withClient(dsn, (client) => client.query(changes.join(';\n')));
    },
    command: (layout, role) => commandOf(options, layout, role),
    readyMs: READY_MS,
    pollMs: 25,
  };
}

function commandOf(
  { defects, queuedTimeoutS, heartbeatTimeoutS, maxTisPerQuery }: ReferenceOptions,
  layout: Layout,
  role: ProcessRole,
): Command {
  return {
    file: process.execPath,
    args: [...moduleArguments(import.meta.url, '../../reference/main'), role.role],
    env: {
      ...childEnvironment(),
      WINDTUNNEL_PROCESS: role.name,
      WINDTUNNEL_HANDOFF: layout.handOffAddress,
      REFERENCE_DSN: layout.dsn,
      REFERENCE_SECRET: layout.secret,
      REFERENCE_DEFECTS: defects.join(' '),
      REFERENCE_DAGS: layout.dagsFolder,
      ...(queuedTimeoutS === undefined
        ? {}
        : {
            REFERENCE_QUEUED_TIMEOUT_S: String(queuedTimeoutS),
            REFERENCE_QUEUED_CHECK_S: String(QUEUED_TIMEOUT_CHECK_S),
          }),
      ...(heartbeatTimeoutS === undefined
        ? {}
        : {
            REFERENCE_HEARTBEAT_TIMEOUT_S: String(heartbeatTimeoutS),
            REFERENCE_HEARTBEAT_CHECK_S: '1',
          }),
      ...(maxTisPerQuery === undefined ? {} : { REFERENCE_MAX_TIS_PER_QUERY: String(maxTisPerQuery) }),
      ...('port' in role ? { REFERENCE_PORT: String(role.port) } : {}),
    },
  };
}
