import { namespaceOf } from '../model/namespace.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import { type Stopwatch, untimed } from '../model/timing.ts';
import type { Wire } from '../model/wire.ts';
import { startBuild } from '../stacks/start-build.ts';
import { connectTarget } from '../stacks/target.ts';
import type { ProcessTable } from '../system/process-table.ts';
import type { SharedStack } from './run-spec.ts';
import { checkTargetScenario, processesOf, type Subject } from './subject.ts';

/** What a stack is made from and belongs to: a run, or a soak. */
export interface StackNeeds {
  readonly subject: Subject;
  readonly plan: Plan;
  readonly progress: Pick<RunProgress, 'phase'>;
  readonly signal: AbortSignal;
  readonly table: ProcessTable;
  /** Whether processes reach PostgreSQL through proxies, for the faults on the wire. */
  readonly wire: boolean;
  /** As of `ManagedOptions`. */
  readonly onWires?: ((wires: ReadonlyMap<string, Wire>) => Promise<void>) | undefined;
  readonly time?: Stopwatch;
  logOf(name: string): string;
}

/** Starts the build, or connects to the target. Rejects with a StackError, or a UsageError for a target file. */
export async function openStack(needs: StackNeeds): Promise<Stack> {
  const { subject, plan, progress, signal, table, wire, onWires, logOf, time = untimed } = needs;
  if ('build' in subject) {
    const processes = processesOf(plan.scenario);
    const onStep = (text: string) => progress.phase('starting', text);
    return startBuild(subject.build, { ...processes, wire, onWires, table, logOf, progress: onStep, signal, time });
  }
  checkTargetScenario(subject, plan.scenario);
  return connectTarget(subject.target, { runId: table.id, signal });
}

/**
 * A shared stack as one window sees it: with DAGs of its own, unless they are carried from window to window, logs that
 * begin now, and up when the window closes.
 */
export function windowOf({ stack, carried }: SharedStack, id: string): Stack {
  return {
    ...stack,
    // Those of the moment: a process that died is another one afterwards.
    get processes() {
      return stack.processes;
    },
    dagNamespace: carried ? stack.dagNamespace : namespaceOf(id),
    outlivesRun: true,
    logs: stack.logs.map((log) => ({ ...log, from: 'end' as const })),
    close: async () => undefined,
  };
}
