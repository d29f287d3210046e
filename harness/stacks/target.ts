import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { SignJWT } from 'jose';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseHandOff } from '../handoff/listen.ts';
import { messageOf, reasonOf, StackError, UsageError } from '../model/errors.ts';
import { namespaceOf } from '../model/namespace.ts';
import { SECRET_LENGTH } from '../model/secret.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import { withClient } from '../system/postgres-client.ts';
import { bornAt } from '../system/proc.ts';
import { isHealthy } from './health.ts';

const HANDOFF_TOKEN = 'WINDTUNNEL_HANDOFF_TOKEN';

/** Where a secret comes from. Never the secret itself: a target file is passed around and committed. */
const SECRET = z.union([z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })]);

/** A stack that this command did not start. Documented in docs/target.md. */
export const TARGET = z.strictObject({
  /** A name for the reports. */
  name: z.string().default('target'),
  execution_api: z.array(z.url()).min(1),
  public_api: z.url(),
  /** PostgreSQL of the stack, `postgresql://user@host:port/db`; a password comes from `dsn_password`. */
  dsn: z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgresql://'),
  dsn_password: SECRET.optional(),
  /** `[api_auth] jwt_secret` of the stack: signs the token for the public API. */
  jwt_secret: SECRET,
  public_user: z.string().default('admin'),
  /** Where the schedulers' hand-off executor delivers: the harness listens there. */
  handoff: z.string().refine((text) => parseHandOff(text) !== undefined, 'must be unix:/path or tcp:host:port'),
  dags_folder: z.string(),
  task_instance_heartbeat_timeout_s: z.number().positive().default(300),
  /** Their logs for errors; with their pid, if they run where the harness does, CPU and memory. */
  processes: z
    .array(z.strictObject({ name: z.string(), pid: z.number().int().positive().optional(), log: z.string() }))
    .default([]),
  postgres_jsonlog: z.string().optional(),
  i_own_this: z.boolean().default(false),
  /** Whether the nemesis may break it. */
  allow_faults: z.boolean().default(false),
});

export type TargetFile = z.input<typeof TARGET>;
type Target = z.infer<typeof TARGET>;

export async function connectTarget(
  file: string,
  options: { readonly runId: string; readonly signal: AbortSignal },
): Promise<Stack> {
  const target = readTarget(file);
  const secret = new TextEncoder().encode(readSecret(target.jwt_secret, 'jwt_secret'));
  const dsn = withPassword(target);
  const identity = await askVersions(dsn, target);
  const executionUrls = target.execution_api.map((url) => url.replace(/\/$/, ''));
  const publicUrl = target.public_api.replace(/\/$/, '');
  return {
    build: target.name,
    ready: Promise.resolve(),
    identity,
    executionUrls,
    publicUrl,
    healthy: () => isHealthy(executionUrls, publicUrl),
    publicToken: () => mintPublicToken(secret, target.public_user),
    dsn,
    handOffAddress: target.handoff,
    handOffToken: handOffToken(target),
    dagsFolder: target.dags_folder,
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

/** UsageError: the file is not what it must be, or a secret that it names is not there. Nothing is connected to. */
export function checkTarget(file: string): void {
  const target = readTarget(file);
  readSecret(target.jwt_secret, 'jwt_secret');
  withPassword(target);
  handOffToken(target);
}

/** Whether the owner of a target lets the nemesis break it. UsageError as in `connectTarget`. */
export function allowsFaults(file: string): boolean {
  return readTarget(file).allow_faults;
}

/** The database of a target, with its password. UsageError as in `connectTarget`. */
export function dsnOfTarget(file: string): string {
  return withPassword(readTarget(file));
}

function readTarget(file: string): Target {
  if (!existsSync(file))
    throw new UsageError(`The target file ${file} does not exist; \`windtunnel up BUILD\` writes one.`);
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`The target file ${file} cannot be read as YAML: ${reasonOf(error)}.`, { cause: error });
  }
  const problems = shapeProblems(TARGET, raw, 'file');
  if (problems.length > 0) {
    const all = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new UsageError(`The target file ${file} is not what docs/target.md says:\n${all}`);
  }
  const target = TARGET.parse(raw);
  const foreign = hostsOf(target).filter((host) => !isLoopback(host));
  if (foreign.length > 0 && !target.i_own_this) {
    throw new UsageError(
      `The target file ${file} names ${[...new Set(foreign)].join(', ')}, which is not this machine. ` +
        'Load goes to loopback only, unless the file says `i_own_this: true`.',
    );
  }
  return target;
}

/** The processes that live here. */
function measurable({ processes }: Target): SupervisedProcess[] {
  return processes.flatMap(({ name, pid, log }) =>
    pid === undefined || bornAt(pid) === undefined ? [] : [{ name, pid, log, ended: new Promise(() => undefined) }],
  );
}

function hostsOf(target: Target): string[] {
  const urls = [...target.execution_api, target.public_api, target.dsn].map((url) => new URL(url).hostname);
  const tcp = /^tcp:(.*):\d+$/.exec(target.handoff)?.[1];
  return tcp ? [...urls, tcp] : urls;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function readSecret(source: z.infer<typeof SECRET>, what: string): string {
  if ('env' in source) {
    const value = process.env[source.env];
    if (!value)
      throw new UsageError(
        `The target's ${what} is to come from the environment variable ${source.env}, which is not set.`,
      );
    return value;
  }
  const file = path.resolve(source.file);
  if (!existsSync(file))
    throw new UsageError(`The target's ${what} is to come from the file ${file}, which does not exist.`);
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new UsageError(
      `The file ${file} holds the target's ${what} and can be read by others: \`chmod 600 ${file}\`.`,
    );
  }
  return readFileSync(file, 'utf8').trim();
}

/** Over a network the hand-off believes only executors that know it. */
function handOffToken({ handoff }: Target): string | undefined {
  const token = process.env[HANDOFF_TOKEN];
  if (!handoff.startsWith('tcp:') || (token?.length ?? 0) >= SECRET_LENGTH) return token;
  throw new UsageError(
    `A hand-off over TCP needs ${HANDOFF_TOKEN}, a secret of at least ${SECRET_LENGTH} characters that the ` +
      `schedulers get, too; ${token ? 'it is shorter' : 'it is not set'}. \`openssl rand -hex 32\` makes one.`,
  );
}

function withPassword(target: Target): string {
  if (!target.dsn_password) return target.dsn;
  const url = new URL(target.dsn);
  url.password = encodeURIComponent(readSecret(target.dsn_password, 'dsn_password'));
  return url.href;
}

/** What the simple auth manager would give an admin; other auth managers accept it if they share the secret. */
function mintPublicToken(secret: Uint8Array, user: string): Promise<string> {
  return new SignJWT({ role: 'ADMIN', teams: null })
    .setProtectedHeader({ alg: 'HS512' })
    .setSubject(user)
    .setAudience('apache-airflow')
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime('24h')
    .sign(secret);
}

async function askVersions(dsn: string, target: Target): Promise<Record<string, string>> {
  try {
    return await withClient(dsn, async (client) => {
      const { rows } = await client.query<{ version: string; level: string }>(
        `SELECT current_setting('server_version') AS version, current_setting('wal_level') AS level`,
      );
      if (rows[0]?.level !== 'logical') {
        throw new StackError(
          'The target database has wal_level below "logical": set wal_level = logical and restart it.',
        );
      }
      return {
        postgres: rows[0].version,
        task_instance_heartbeat_timeout_s: String(target.task_instance_heartbeat_timeout_s),
      };
    });
  } catch (error) {
    if (error instanceof StackError) throw error;
    throw new StackError(`The target's database does not answer: ${messageOf(error)}`, { cause: error });
  }
}
