import { randomBytes } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { needWires } from '../faults/index.ts';
import { messageOf, StackError, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import { namespaceOf } from '../model/namespace.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import { RUN_FORMAT } from '../model/tables.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { DagFolder } from '../stacks/dag-folder.ts';
import { knownBuild, startBuild } from '../stacks/start-build.ts';
import { connectTarget } from '../stacks/target.ts';
import { windtunnelVersion } from '../system/installation.ts';
import { ProcessTable } from '../system/process-table.ts';
import { type EngineChoice, startEngine } from './engine.ts';
import { processesOf, type Subject } from './host.ts';
import { execute } from './record.ts';

export interface RunRequest {
  readonly subject: Subject;
  readonly plan: Plan;
  /** The run folder; by default one below `runs/`. */
  readonly out: string | undefined;
  /** The command that repeats the run, for the manifest. */
  readonly repeat: string;
  readonly progress: RunProgress;
  readonly signal: AbortSignal;
  /** Absent: this process plays the lives. */
  readonly engine?: EngineChoice | undefined;
  /** A stack that is up already and stays up: this run is a window of a soak. */
  readonly lent?: LentStack;
}

export interface LentStack {
  readonly stack: Stack;
  /** How long lives under way may take to end when the load is over, milliseconds. */
  readonly settleMs: number;
}

export interface PerformedRun {
  readonly folder: string;
  /** Why the load did not last as long as planned; the record until then is closed and can be judged. */
  readonly failure?: unknown;
}

/**
 * One run from nothing to a closed run folder, with the stack taken down again whatever happens. What fails before
 * the load rejects, because there is nothing to judge; what fails during it comes back with the record.
 */
export async function performRun(request: RunRequest): Promise<PerformedRun> {
  const { plan, signal, progress } = request;
  const id = randomBytes(3).toString('hex');
  const record = new RunFolder(path.resolve(request.out ?? path.join('runs', folderName(request, id))));
  const table = new ProcessTable(id);
  const clock = new RunClock();
  let stack: Stack | undefined;
  let dags: DagFolder | undefined;
  let discard = false;
  try {
    const wire = needWires(plan.faults ?? []);
    const logOf = (name: string) => record.log(name);
    stack = request.lent ? lend(request.lent.stack, id) : await openStack({ ...request, wire, logOf }, table);
    await record.writeManifest(newManifest(request, stack, id, clock));
    dags = new DagFolder(stack.dagsFolder, plan.scenario.dags, stack.dagNamespace);
    for (const file of dags.files) table.file(file);
    if ('target' in request.subject) table.target(path.resolve(request.subject.target));
    const ended = await execute(
      {
        plan,
        stack,
        dags,
        record,
        clock,
        progress: (phase) => progress.phase(phase),
        onNumbers: (read) => progress.numbers(read),
        ...(request.lent ? { settleMs: request.lent.settleMs } : {}),
        ...(request.engine ? startEngine(request.engine, { table, record, note: (line) => progress.note(line) }) : {}),
      },
      signal,
    );
    await record.updateManifest({ ended, ended_ms: clock.now() });
    return { folder: record.path };
  } catch (error) {
    if (!record.loadBegan) {
      // A stack that failed explains itself in its logs; anything else left nothing worth keeping.
      discard = !(error instanceof StackError && record.hasLogs);
      throw error;
    }
    // On a full disk this fails, too; a manifest without an end says itself that the run did not complete.
    await record
      .updateManifest({ ended: signal.aborted ? 'interrupted' : 'stack-failed', ended_ms: clock.now() })
      .catch(() => undefined);
    return { folder: record.path, failure: error };
  } finally {
    if (!request.lent) progress.phase('taking the stack down');
    dags?.remove();
    await stack?.close().catch((error: unknown) => progress.note(`Could not take the stack down: ${messageOf(error)}`));
    await table.close();
    await record.close();
    if (discard) record.remove();
  }
}

export interface StackRequest extends Pick<RunRequest, 'subject' | 'plan' | 'progress' | 'signal'> {
  /** Whether any fault of the plan is one of the way to the database. */
  readonly wire: boolean;
  logOf(name: string): string;
}

export function openStack(request: StackRequest, table: ProcessTable): Promise<Stack> {
  const { subject, plan, progress, signal, wire, logOf } = request;
  if ('target' in subject && plan.scenario.pool_slots !== undefined) {
    throw new UsageError(
      `The scenario ${plan.scenario.name} changes the slots of default_pool, which others of a target share: ` +
        'run it with --build.',
    );
  }
  if ('target' in subject) return connectTarget(subject.target, { runId: table.id, signal });
  return startBuild(knownBuild(subject.build), {
    ...processesOf(plan.scenario),
    wire,
    table,
    logOf,
    progress: (text) => progress.phase(text),
    signal,
  });
}

/** The stack as this run is to see it: with DAGs of its own, and with logs that begin now. It stays when the run closes it. */
function lend(stack: Stack, id: string): Stack {
  // Its processes and its way to restart one are of the moment: asked of the stack itself each time.
  return Object.create(stack, {
    dagNamespace: { value: namespaceOf(id), enumerable: true },
    outlivesRun: { value: true, enumerable: true },
    logs: { value: stack.logs.map((log) => ({ ...log, from: 'end' as const })), enumerable: true },
    close: { value: async () => undefined, enumerable: true },
  }) as Stack;
}

function newManifest(request: RunRequest, stack: Stack, id: string, clock: RunClock): Manifest {
  return {
    format: RUN_FORMAT,
    id,
    build: stack.build,
    identity: stack.identity,
    plan: request.plan,
    windtunnel: windtunnelVersion(),
    node: process.version,
    machine: { platform: os.platform(), arch: os.arch(), cpus: os.cpus().length, memory_bytes: os.totalmem() },
    started_at: clock.startedAt.toISOString(),
    repeat: request.repeat,
    engine: engineName(request.engine),
    writers: 'triggers',
    load_started_ms: null,
    load_ended_ms: null,
    ended_ms: null,
    ended: null,
  };
}

function engineName(choice: EngineChoice | undefined): string {
  if (!choice) return 'native';
  const { k6 } = choice;
  return k6 ? `k6 ${k6.version}, ${k6.vus.join(' + ')} VUs` : 'k6, started elsewhere';
}

/** Sorts by time, and says what it is: `20261121-104500-seeds-airflow-3.2.1-a1b2c3`. */
export function folderName({ subject, plan }: Pick<RunRequest, 'subject' | 'plan'>, id: string): string {
  const build = 'target' in subject ? 'target' : subject.build.replace(/[^A-Za-z0-9.]+/g, '-');
  return [timeStamp(), plan.scenario.name, build, id].join('-');
}

/** Now, as the names of folders begin: `20261121-104500`, UTC. */
export function timeStamp(): string {
  return new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
}
