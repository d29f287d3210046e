import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { CliCommand } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { Progress } from '../console/progress.ts';
import { StackError, UsageError } from '../model/errors.ts';
import type { ManagedStack } from '../stacks/managed.ts';
import { knownBuild, startBuild } from '../stacks/start-build.ts';
import type { TargetFile } from '../stacks/target.ts';
import { ProcessTable } from '../system/process-table.ts';

interface UpFlags {
  readonly build: string;
  readonly schedulers: number;
  readonly apiServers: number;
  readonly out: string;
}

export const upCommand: CliCommand<UpFlags> = {
  builder: (args) =>
    args
      .positional('build', { type: 'string', demandOption: true, describe: 'e.g. airflow@3.2.2' })
      .option('schedulers', { type: 'number', default: 2, describe: 'How many schedulers' })
      .option('api-servers', { type: 'number', default: 1, describe: 'How many API servers for the workers' })
      .option('out', {
        type: 'string',
        default: 'windtunnel-target.yaml',
        describe: 'The target file to write',
      }) as never,

  async handler({ build, schedulers, apiServers, out }) {
    const wanted = knownBuild(build);
    const file = path.resolve(out);
    if (existsSync(file))
      throw new UsageError(
        `The target file ${out} exists: another \`up\` may be running. Name another with --out, or remove it.`,
      );
    const signal = interruptSignal();
    const table = new ProcessTable(randomBytes(3).toString('hex'), 'up');
    const logs = path.resolve('runs', `up-${table.id}`);
    const progress = new Progress(build, 0);
    try {
      mkdirSync(logs, { recursive: true });
      const logOf = (name: string) => path.join(logs, `${name}.log`);
      const stack = await startBuild(wanted, {
        schedulers,
        apiServers,
        // Whoever comes may bring a scenario that defers.
        triggerer: true,
        table,
        logOf,
        progress: (text) => progress.phase(text),
        signal,
      });
      table.file(file);
      writeFileSync(file, stringify(targetOf(build, stack, table)));
      progress.stop();
      console.log(`${build} is up. In another terminal: windtunnel run seeds --target ${out}`);
      console.log('Ctrl-C here, or `windtunnel down` anywhere, ends it.');
      await waitForEnd(stack, signal);
    } finally {
      progress.stop();
      await table.close();
      rmSync(logs, { recursive: true, force: true });
      const runs = path.dirname(logs);
      if (readdirSync(runs).length === 0) rmdirSync(runs);
    }
    return 0;
  },
};

function targetOf(build: string, stack: ManagedStack, table: ProcessTable): TargetFile {
  const secret = path.join(stack.folder, 'jwt-secret');
  writeFileSync(secret, stack.secret, { mode: 0o600 });
  const postgresLog = stack.logs.find((log) => log.source === 'postgres')?.file;
  return {
    name: build,
    execution_api: [...stack.executionUrls],
    public_api: stack.publicUrl,
    dsn: stack.dsn,
    jwt_secret: { file: secret },
    handoff: stack.handOffAddress,
    dags_folder: stack.dagsFolder,
    task_instance_heartbeat_timeout_s: stack.heartbeatTimeoutS,
    processes: table.processes.map(({ name, pid, log }) => ({ name, pid, log })),
    ...(postgresLog ? { postgres_jsonlog: postgresLog } : {}),
  };
}

async function waitForEnd(stack: ManagedStack, signal: AbortSignal): Promise<void> {
  const died = Promise.race(stack.processes.map(async (p) => `${p.name} ${await p.ended} (see ${p.log}).`));
  // Polling keeps the process alive, which a pending promise alone would not.
  while (!signal.aborted) {
    const dead = await Promise.race([died, sleep(500)]);
    if (dead) throw new StackError(dead);
  }
}
