import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import path from 'node:path';

import { needWires } from '../faults/index.ts';
import { messageOf, StackError } from '../model/errors.ts';
import type { RunProgress } from '../model/progress.ts';
import type { RunContext } from '../model/run-context.ts';
import type { Plan } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import { Trace } from '../record/trace.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { DatabaseAwayError } from '../system/postgres-client.ts';
import { ProcessTable } from '../system/process-table.ts';
import { manifestOf, patchFile, runFolderName } from './manifest.ts';
import type { RecordedRun, RunSpec } from './run-spec.ts';
import type { StackNeeds } from './stack.ts';
import type { Subject } from './subject.ts';
import { Timings } from './timings.ts';

/** What a run holds from its first moment to its last: its folder, its processes, its clock, and what stops it. */
export class RunSession implements RunContext, StackNeeds {
  /** Six hexadecimal digits. */
  readonly id = randomBytes(3).toString('hex');
  readonly spec: RunSpec;
  readonly subject: Subject;
  readonly plan: Plan;
  readonly progress: RunProgress;
  readonly record: RunFolder;
  readonly table = new ProcessTable(this.id);
  readonly clock = new RunClock();
  readonly timings = new Timings(this.clock);
  readonly time = this.timings.time;
  /** Aborted from outside. */
  readonly signal: AbortSignal;
  readonly wire: boolean;
  /** Absent: statements are not recorded. */
  readonly trace: Trace | undefined;
  readonly onWires: Trace['begin'] | undefined;
  /** The load ends early: the run was interrupted, a part of it has failed, or the record cannot be written. */
  readonly stop: AbortSignal;
  readonly #failure = new AbortController();

  constructor(spec: RunSpec) {
    this.spec = spec;
    this.plan = spec.plan;
    this.progress = spec.progress;
    this.subject = spec.subject;
    this.signal = spec.signal;
    this.wire = spec.trace === true || needWires(spec.plan.faults ?? []);
    const { subject, plan, out } = spec;
    const folder = path.resolve(out ?? path.join('runs', runFolderName({ subject, plan }, this.id)));
    this.record = new RunFolder(folder, { isPrivate: 'target' in subject });
    this.trace = spec.trace ? new Trace(this) : undefined;
    this.onWires = this.trace?.begin;
    this.record.failed.addEventListener('abort', () => this.#failure.abort(this.record.failed.reason), { once: true });
    this.stop = AbortSignal.any([spec.signal, this.#failure.signal]);
    // Each part of a run listens to one of them.
    setMaxListeners(0, spec.signal, this.stop);
  }

  /** An arrow, because parts are given it as a function. */
  readonly fail = (error: Error): void => this.#failure.abort(error);

  logOf = (name: string): string => this.record.log(name);

  throwIfFailed(): void {
    this.#failure.signal.throwIfAborted();
  }

  get isInterrupted(): boolean {
    return this.spec.signal.aborted;
  }

  async writeManifest(stack: Stack): Promise<void> {
    const { lock, patches = [] } = stack;
    if (lock !== undefined) await this.record.write('airflow.lock.txt', lock);
    for (const [i, { name, text }] of patches.entries()) await this.record.write(patchFile(name, i), text);
    await this.record.writeManifest(manifestOf(this.spec, stack, this));
  }

  /** If the load had not begun, takes the stack down and rethrows; else the folder with the failure, to be judged. */
  async failed(reason: unknown, stack: Stack | undefined): Promise<RecordedRun> {
    const error =
      reason instanceof DatabaseAwayError
        ? new StackError(`The run cannot continue: ${reason.message}.`, { cause: reason })
        : reason;
    if (!this.record.loadBegan) {
      await this.takeDown(stack);
      await this.record.close();
      // A stack that failed explains itself in its logs; anything else left nothing worth keeping.
      if (!(error instanceof StackError && this.record.hasLogs)) this.record.remove();
      throw error;
    }
    const ended = this.isInterrupted ? 'interrupted' : 'stack-failed';
    // On a full disk this fails, too; a manifest without an end says itself that the run did not complete.
    await this.record.updateManifest({ ended, ended_ms: this.clock.now() }).catch(() => undefined);
    await this.record.close();
    return { folder: this.record.path, failure: error };
  }

  async takeDown(stack: Stack | undefined): Promise<void> {
    const { progress } = this;
    if (!this.spec.shared) progress.phase('taking the stack down');
    await this.timings.time('take the stack down', async () => {
      await stack
        ?.close()
        .catch((error: unknown) => progress.note(`Could not take the stack down: ${messageOf(error)}`));
      await this.table.close();
    });
  }
}
