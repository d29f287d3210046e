import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { stringify } from 'yaml';
import { StackError, UsageError } from '../model/errors.ts';
import { checkNewFile } from '../run-folder/out.ts';
import { ProcessTable } from '../system/process-table.ts';
import { ADMIN, type ManagedStack } from './managed.ts';
import { knownBuild, startBuild } from './start-build.ts';
import { splitPassword } from './target-dsn.ts';
import type { TargetFile } from './target-file.ts';

export interface UpOptions {
  readonly build: string;
  readonly schedulers: number;
  readonly apiServers: number;
  /** The target file to write. */
  readonly out: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
  /** Called when the target file is there. */
  onUp(stack: ManagedStack): void;
}

/** UsageError: something stands where the target file is to be. */
export function checkTargetOut(out: string): void {
  if (existsSync(out))
    throw new UsageError(
      `The target file ${out} exists: another \`up\` may be running. Name another with --out, or remove it.`,
    );
  checkNewFile(out, 'target file');
}

/** Starts a stack, writes its target file and keeps it running until `signal`; then takes both away. */
export async function keepUp({ build, schedulers, apiServers, out, signal, progress, onUp }: UpOptions): Promise<void> {
  const wanted = knownBuild(build);
  checkTargetOut(out);
  const file = path.resolve(out);
  const table = new ProcessTable(randomBytes(3).toString('hex'), 'up');
  const logs = path.resolve('runs', `up-${table.id}`);
  try {
    mkdirSync(logs, { recursive: true });
    const logOf = (name: string) => path.join(logs, `${name}.log`);
    // A triggerer, because a scenario that runs on it may defer.
    const stack = await startBuild(wanted, { schedulers, apiServers, triggerer: true, table, logOf, progress, signal });
    await stack.ready;
    mkdirSync(path.dirname(file), { recursive: true });
    table.file(file);
    writeFileSync(file, stringify(targetOf(build, stack, table)));
    onUp(stack);
    await waitForEnd(stack, signal);
  } finally {
    await table.close();
    rmSync(logs, { recursive: true, force: true });
    const runs = path.dirname(logs);
    if (readdirSync(runs).length === 0) rmdirSync(runs);
  }
}

/** What the target file of a stack of ours says. Writes the secrets that it names. */
export function targetOf(build: string, stack: ManagedStack, table: ProcessTable): TargetFile {
  const secret = path.join(stack.folder, 'jwt-secret');
  writeFileSync(secret, stack.secret, { mode: 0o600 });
  const { dsn, password } = splitPassword(stack.dsn);
  const passwordFile = path.join(stack.folder, 'dsn-password');
  if (password !== undefined) writeFileSync(passwordFile, password, { mode: 0o600 });
  const postgresLog = stack.logs.find((log) => log.source === 'postgres')?.file;
  const { task_queued_timeout_s: queuedS } = stack.identity;
  return {
    name: build,
    execution_api: [...stack.executionUrls],
    public_api: stack.publicUrl,
    public_user: ADMIN,
    dsn,
    ...(password === undefined ? {} : { dsn_password: { file: passwordFile } }),
    jwt_secret: { file: secret },
    handoff: stack.handOffAddress,
    dags_folder: stack.dagsFolder,
    task_instance_heartbeat_timeout_s: stack.heartbeatTimeoutS,
    ...(queuedS === undefined ? {} : { task_queued_timeout_s: Number(queuedS) }),
    processes: table.processes.map(({ name, pid, log }) => ({ name, pid, log })),
    ...(postgresLog ? { postgres_jsonlog: postgresLog } : {}),
  };
}

async function waitForEnd(stack: ManagedStack, signal: AbortSignal): Promise<void> {
  const died = Promise.race(stack.processes.map(async (p) => `${p.name} ${await p.ended} (see ${p.log}).`));
  // Polling keeps the process alive; waiting alone would not.
  while (!signal.aborted) {
    const dead = await Promise.race([died, sleep(500)]);
    if (dead) throw new StackError(dead);
  }
}
