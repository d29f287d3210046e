import { needWires } from '../faults/index.ts';
import { UsageError } from '../model/errors.ts';
import { namespaceOf } from '../model/namespace.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import { knownBuild, startBuild } from '../stacks/start-build.ts';
import { connectTarget } from '../stacks/target.ts';
import type { ProcessTable } from '../system/process-table.ts';
import type { RunRequest } from './request.ts';
import type { RunSession } from './session.ts';
import { processesOf, type Subject } from './subject.ts';

/** The stack that this run loads: a build that it starts, a target that it connects to, or the stack of a soak. */
export async function openStack(
  { subject, plan, progress, signal, shared }: RunRequest,
  session: RunSession,
): Promise<Stack> {
  const { table, record } = session;
  if (shared) return windowOf(shared.stack, session.id);
  const wire = needWires(plan.faults ?? []);
  return bringUp(subject, { plan, progress, signal, table, wire, logOf: (name) => record.log(name) });
}

export interface BringUpOptions {
  readonly plan: Plan;
  readonly progress: Pick<RunProgress, 'phase'>;
  readonly signal: AbortSignal;
  readonly table: ProcessTable;
  /** Whether processes reach PostgreSQL through proxies, for the faults on the wire. */
  readonly wire: boolean;
  logOf(name: string): string;
}

/** Starts the build, or connects to the target. Rejects with a StackError, or a UsageError for a target file. */
export function bringUp(subject: Subject, options: BringUpOptions): Promise<Stack> {
  const { plan, progress, signal, table, wire, logOf } = options;
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

/** A shared stack as one window sees it: with DAGs of its own, logs that begin now, and up when the window closes. */
function windowOf(stack: Stack, id: string): Stack {
  return {
    ...stack,
    // Those of the moment: a process that died is another one afterwards.
    get processes() {
      return stack.processes;
    },
    dagNamespace: namespaceOf(id),
    outlivesRun: true,
    logs: stack.logs.map((log) => ({ ...log, from: 'end' as const })),
    close: async () => undefined,
  };
}
