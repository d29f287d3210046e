import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { Progress } from '../console/progress.ts';
import type { Build } from '../model/build.ts';
import { messageOf } from '../model/errors.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Scenario } from '../model/scenario.ts';
import type { Stack } from '../model/stack.ts';
import { openStack } from '../run/stack.ts';
import { ProcessTable } from '../system/process-table.ts';

/** Lives are over when their episode is: nothing is left to wait for. */
export const SETTLE_MS = 1_000;
/** No seed is drawn: a script leaves nothing to it. */
export const SEED = 1;

/** A stack that many scripts share. */
export interface WarmStack {
  readonly stack: Stack;
  close(): Promise<void>;
}

export interface WarmStackOptions {
  readonly build: Build;
  /** The folder of the replay: its logs are in it. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

/** Up when this resolves, for scripts of the setting of this scenario. */
export async function openWarmStack(
  scenario: Scenario,
  { build, out, signal, quiet }: WarmStackOptions,
): Promise<WarmStack> {
  const table = new ProcessTable(randomBytes(3).toString('hex'));
  const logs = path.join(out, 'logs');
  const progress = new Progress(`${build.name} replay`, 0, { quiet });
  let stack: Stack | undefined;
  const close = async () => {
    progress.stop();
    await stack?.close().catch((error: unknown) => progress.note(`Could not take the stack down: ${messageOf(error)}`));
    await table.close();
  };
  try {
    mkdirSync(logs, { recursive: true });
    const plan = { seed: SEED, scenario };
    const logOf = (name: string) => path.join(logs, `${name}.log`);
    stack = await openStack({ subject: { build }, plan, progress, signal, table, wire: true, logOf });
    await stack.ready;
    progress.stop();
    return { stack, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sightings of what a script is there to bring about are no news. */
export function quietly(progress: Progress): RunProgress {
  return {
    phase: progress.phase.bind(progress),
    numbers: progress.numbers.bind(progress),
    sighting: () => undefined,
    judged: () => undefined,
    note: (text) => progress.note(text),
    stop: () => undefined,
  };
}
