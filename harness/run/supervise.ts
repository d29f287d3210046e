import { setTimeout as sleep } from 'node:timers/promises';

import { StackError } from '../model/errors.ts';
import { type RunClock, roundMs } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { lastException } from '../record/server-log.ts';
import type { SupervisedProcess } from '../stacks/process-table.ts';
import type { Stack } from '../stacks/stack.ts';

/** As long as a service manager waits before it starts a service again. */
const RESTART_AFTER_MS = 1_000;
/** More deaths than this are no accident of timing: the stack cannot be run. */
const RESTARTS_MAX = 10;

export interface Supervision {
  readonly stack: Stack;
  readonly record: RunFolder;
  readonly clock: RunClock;
  fail(error: Error): void;
  readonly over: AbortSignal;
}

/**
 * Does what systemd or Kubernetes does for Airflow in production: a process that dies is written down and started
 * again. That it died is for the judge; only without PostgreSQL can a run not go on.
 */
export function superviseProcesses(supervision: Supervision): void {
  const { stack, record, clock, fail, over } = supervision;
  let restarts = 0;
  const watch = async (process: SupervisedProcess): Promise<void> => {
    const how = await process.ended;
    if (over.aborted) return;
    const why = lastException(process.log);
    record.append('server_log', {
      at_ms: roundMs(clock.now()),
      source: process.name,
      pid: process.pid,
      severity: 'FATAL',
      message: `${process.name} ${how}${why ? `: ${why}` : ''}`,
    });
    if (process.name === 'postgres' || !stack.restart || ++restarts > RESTARTS_MAX) {
      fail(new StackError(`${process.name} ${how} in mid-run${why ? `: ${why}` : ''} (see ${process.log}).`));
      return;
    }
    await sleep(RESTART_AFTER_MS);
    if (!over.aborted) await watch(stack.restart(process.name));
  };
  for (const process of stack.processes) {
    void watch(process).catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
  }
}
