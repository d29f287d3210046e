import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { type Clock, roundMs } from '../model/clock.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import type { Stopwatch, TimedStep } from '../model/timing.ts';
import { fileMode } from '../run-folder/files.ts';
import { readProcessStats } from '../system/proc.ts';

/** Where the seconds of a run's start and end go: `timings.json` in its folder. */
export class Timings {
  readonly #clock: Clock;
  readonly #steps: TimedStep[] = [];
  readonly #cpu: Record<string, Record<string, number>> = {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An arrow, because parts are given it as a function. */
  readonly time: Stopwatch = async (step, action) => {
    const began_ms = roundMs(this.#clock.now());
    try {
      return await action();
    } finally {
      this.#steps.push({ step, began_ms, ended_ms: roundMs(this.#clock.now()) });
    }
  };

  /** The CPU that each process has used up to a moment, with its children; nothing where there is no /proc. */
  noteProcesses(moment: string, processes: readonly SupervisedProcess[]): void {
    const stats = readProcessStats(processes.map(({ pid }) => pid));
    const used = processes.flatMap(({ name, pid }) => {
      const cpuS = stats.get(pid)?.cpuS;
      return cpuS === undefined ? [] : [[name, roundMs(cpuS)]];
    });
    this.#cpu[moment] = Object.fromEntries([...used, ['harness', roundMs(process.cpuUsage().user / 1e6)]]);
  }

  /** In the order in which the steps began. A disk without room for it does not fail the run. */
  async write(folder: string): Promise<void> {
    const steps = this.#steps.toSorted((a, b) => a.began_ms - b.began_ms);
    const file = path.join(folder, 'timings.json');
    try {
      await writeFile(`${file}.next`, `${JSON.stringify({ steps, cpu_s: this.#cpu }, null, 1)}\n`, {
        mode: fileMode(folder),
      });
      await rename(`${file}.next`, file);
    } catch {
      // Nothing is judged by it.
    }
  }
}
