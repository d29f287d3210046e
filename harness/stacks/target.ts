import { messageOf, StackError, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { namespaceOf } from '../model/namespace.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import { withClient } from '../system/postgres-client.ts';
import { bornAt } from '../system/proc.ts';
import { askVersion, isHealthy } from './health.ts';
import { mintPublicToken } from './public-token.ts';
import { readTarget, type Target } from './target-file.ts';
import { askServer, type ServerFacts, whyNot } from './target-server.ts';

/** SQLSTATE insufficient_privilege. */
const PERMISSION_DENIED = '42501';

/** UsageError: as `readTarget`, or it is not agreed that a run may begin there. StackError: it cannot begin. */
export async function connectTarget(
  file: string,
  options: { readonly runId: string; readonly signal: AbortSignal },
): Promise<Stack> {
  const target = readTarget(file);
  const { postgres } = await askTarget(target);
  const executionUrls = target.execution_api.map((url) => url.replace(/\/$/, ''));
  const publicUrl = target.public_api.replace(/\/$/, '');
  const airflow = await askVersion(publicUrl);
  return {
    build: target.name,
    ready: Promise.resolve(),
    identity: {
      ...(airflow === undefined ? {} : { airflow }),
      postgres,
      task_instance_heartbeat_timeout_s: String(target.task_instance_heartbeat_timeout_s),
      task_queued_timeout_s: String(target.task_queued_timeout_s),
    },
    executionUrls,
    publicUrl,
    healthy: () => isHealthy(executionUrls, publicUrl),
    publicToken: () => mintPublicToken(target.jwtSecret, target.public_user),
    dsn: target.fullDsn,
    handOffAddress: target.handoff,
    handOffToken: target.handOffToken,
    dagsFolder: target.dags_folder,
    ...(target.executor === undefined ? {} : { executor: target.executor }),
    processes: measurable(target),
    logs: [
      ...(target.postgres_jsonlog
        ? [
            {
              source: 'postgres',
              file: target.postgres_jsonlog,
              format: 'postgres-jsonlog' as const,
              from: 'end' as const,
            },
          ]
        : []),
      ...target.processes
        .filter((p) => p.name !== 'postgres')
        .map((p) => ({
          source: p.name,
          file: p.log,
          format: 'airflow' as const,
          from: 'end' as const,
        })),
    ],
    // As many as the file names; at least one, wherever they run.
    schedulers: Math.max(1, target.processes.filter((p) => /^scheduler\b/.test(p.name)).length),
    heartbeatTimeoutS: target.task_instance_heartbeat_timeout_s,
    dagNamespace: namespaceOf(options.runId),
    outlivesRun: true,
    // Nothing of it is ours. DAG files and triggers are taken away by those who put them there.
    close: async () => undefined,
  };
}

/** The processes that live here. */
function measurable({ processes }: Target): SupervisedProcess[] {
  return processes.flatMap(({ name, pid, log }) =>
    pid === undefined || bornAt(pid) === undefined ? [] : [{ name, pid, log, ended: new Promise(() => undefined) }],
  );
}

async function askTarget(target: Target): Promise<{ readonly postgres: string }> {
  const { file, fullDsn } = target;
  let facts: ServerFacts | undefined;
  try {
    facts = await withClient(fullDsn, (client) => askServer(client, target));
  } catch (error) {
    const denied = isRecord(error) && error.code === PERMISSION_DENIED;
    const what = denied ? "The target's database does not say who uses it" : `The target ${file} cannot be used`;
    throw new StackError(`${what}, so that no run begins: ${messageOf(error)}`, { cause: error });
  }
  if (facts === undefined) throw new StackError(`The database of the target ${file} has no table "dag" of Airflow's.`);
  const problems = whyNot(facts, target);
  if (problems.length > 0) {
    const all = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new UsageError(`No run begins on the target ${file}:\n${all}`);
  }
  return { postgres: facts.version };
}
