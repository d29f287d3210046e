import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';

import { parseHandOff } from '../handoff/listen.ts';
import { messageOf, reasonOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import { SECRET_LENGTH } from '../model/secret.ts';
import { shapeProblems } from '../model/shape-problems.ts';
import { dsnProblems, isHere, serverOf, withPassword } from './target-dsn.ts';

const HANDOFF_TOKEN = 'WINDTUNNEL_HANDOFF_TOKEN';

/** Where a secret comes from. Never the secret itself: a target file is passed around and committed. */
const SECRET = z.union([z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })], {
  // What stands there may be the secret: not quoted.
  error: 'must be { env: NAME } or { file: PATH }, which say where the secret is',
});

const URL_OF_A_SERVER = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' });

/** A stack that this command did not start. Documented in docs/target.md. */
export const TARGET = z.strictObject({
  /** A name for the reports. */
  name: z.string().default('target'),
  execution_api: z.array(URL_OF_A_SERVER).min(1),
  public_api: URL_OF_A_SERVER,
  /** PostgreSQL of the stack, `postgresql://user@host:port/db`; a password comes from `dsn_password`. */
  dsn: z.string({ error: 'must be a text that begins with postgresql://' }).check(({ value, issues }) => {
    for (const message of dsnProblems(value)) issues.push({ code: 'custom', input: undefined, message });
  }),
  dsn_password: SECRET.optional(),
  /** `[api_auth] jwt_secret` of the stack: signs the token for the public API. */
  jwt_secret: SECRET,
  public_user: z.string().default('admin'),
  /** Where the schedulers' hand-off executor delivers: the harness listens there. */
  handoff: z.string().refine((text) => parseHandOff(text) !== undefined, 'must be unix:/path or tcp:host:port'),
  /** By what name DAGs ask for the hand-off executor, where the stack has another one before it. */
  executor: z.string().min(1).optional(),
  dags_folder: z.string().min(1),
  task_instance_heartbeat_timeout_s: z.number().positive().default(300),
  task_queued_timeout_s: z.number().positive().default(600),
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

/** A target file, with the secrets that it names. */
export interface Target extends z.infer<typeof TARGET> {
  readonly file: string;
  readonly jwtSecret: string;
  /** `dsn` with its password. A secret. */
  readonly fullDsn: string;
  readonly handOffToken: string | undefined;
}

const SECRETS = ['jwt_secret', 'dsn_password', HANDOFF_TOKEN] as const;

/**
 * Nothing is connected to. UsageError, with all problems at once: the file is not what it must be, names another
 * machine without `i_own_this`, or a secret that it names is not there. `needed`: other secrets are not read.
 */
export function readTarget(file: string, needed: readonly (typeof SECRETS)[number][] = SECRETS): Target {
  const raw = readYaml(file);
  const problems = [...shapeProblems(TARGET, raw, 'file'), ...problemsBetween(raw)];
  const given = isRecord(raw) ? raw : {};
  const secret = (name: 'jwt_secret' | 'dsn_password'): string | undefined => {
    const source = SECRET.safeParse(given[name]).data;
    if (!needed.includes(name)) return undefined;
    try {
      return source && readSecret(source);
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`);
      return undefined;
    }
  };
  const jwtSecret = secret('jwt_secret') ?? '';
  const password = secret('dsn_password');
  const handOffToken = process.env[HANDOFF_TOKEN];
  if (needed.includes(HANDOFF_TOKEN)) problems.push(...tokenProblems(given.handoff, handOffToken));
  if (problems.length > 0) {
    const all = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new UsageError(`The target file ${file} is not what docs/target.md says:\n${all}`);
  }
  const target = TARGET.parse(raw);
  const fullDsn = password === undefined ? target.dsn : withPassword(target.dsn, password);
  return { ...target, file, jwtSecret, fullDsn, handOffToken };
}

/** UsageError, as `readTarget`. */
export function checkTarget(file: string): void {
  readTarget(file);
}

/** Whether the owner of a target lets the nemesis break it. What else is wrong with the file, `checkTarget` says. */
export function allowsFaults(file: string): boolean {
  const raw = readYaml(file);
  return isRecord(raw) && raw.allow_faults === true;
}

/** The database of a target, with its password. UsageError as in `readTarget`. */
export function dsnOfTarget(file: string): string {
  return readTarget(file, ['dsn_password']).fullDsn;
}

function readYaml(file: string): unknown {
  if (!existsSync(file))
    throw new UsageError(`The target file ${file} does not exist; \`windtunnel up BUILD\` writes one.`);
  try {
    // Its warnings quote values, one of which may be a secret.
    return parse(readFileSync(file, 'utf8'), { logLevel: 'error' });
  } catch (error) {
    throw new UsageError(`The target file ${file} cannot be read as YAML: ${yamlReason(error)}.`, { cause: error });
  }
}

/** Where YAML names what it cannot resolve, that may be a secret. */
function yamlReason(error: unknown): string {
  if (error instanceof YAMLParseError || !(error instanceof ReferenceError)) return reasonOf(error);
  return 'a value that begins with * is an alias there; put it in quotes';
}

/** What is wrong between fields that are right in themselves. */
function problemsBetween(raw: unknown): string[] {
  const { shape } = TARGET;
  const given = isRecord(raw) ? raw : {};
  if (given.i_own_this === true) return [];
  const dsn = shape.dsn.safeParse(given.dsn).data;
  const urls = [
    ...(shape.execution_api.safeParse(given.execution_api).data ?? []),
    ...[shape.public_api.safeParse(given.public_api).data ?? []].flat(),
  ];
  const handoff = /^tcp:(.*):\d+$/.exec(shape.handoff.safeParse(given.handoff).data ?? '')?.[1];
  const hosts = [
    ...urls.map((url) => new URL(url).hostname),
    ...(dsn === undefined ? [] : [serverOf(dsn).host]),
    ...(handoff === undefined ? [] : [handoff]),
  ];
  const elsewhere = new Set(hosts.filter((host) => !isHere(host)));
  if (elsewhere.size === 0) return [];
  return [
    `it names ${[...elsewhere].join(', ')}, which is not this machine: ` +
      'load goes to loopback only, unless it says i_own_this: true',
  ];
}

/** Over a network the hand-off believes only executors that know it. */
function tokenProblems(handoff: unknown, token: string | undefined): string[] {
  if (typeof handoff !== 'string' || !handoff.startsWith('tcp:') || (token?.length ?? 0) >= SECRET_LENGTH) return [];
  return [
    `handoff: over TCP it needs ${HANDOFF_TOKEN}, a secret of at least ${SECRET_LENGTH} characters that the ` +
      `schedulers get, too; ${token ? 'it is shorter' : 'it is not set'}. \`openssl rand -hex 32\` makes one`,
  ];
}

/** Throws an Error with a sentence that does not hold the secret. */
function readSecret(source: z.infer<typeof SECRET>): string {
  if ('env' in source) {
    const value = process.env[source.env];
    if (!value) throw new Error(`comes from the environment variable ${source.env}, which is not set`);
    return value;
  }
  const file = path.resolve(source.file);
  let mode: number;
  let text: string;
  try {
    mode = statSync(file).mode;
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`comes from the file ${file}, which cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  if ((mode & 0o077) !== 0)
    throw new Error(`comes from the file ${file}, which can be read by others: \`chmod 600 ${file}\``);
  if (text === '') throw new Error(`comes from the file ${file}, which is empty`);
  return text;
}
