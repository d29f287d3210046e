import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

import type { SampleMetric } from '../model/tables.ts';

/** The event-loop monitor looks this often; shorter pauses do not show. */
const LOOP_RESOLUTION_MS = 10;
/** Between two readings the recorder may fall behind and catch up again, so it is looked at more often. */
const LOOK_MS = 100;
const NS_PER_MS = 1e6;

/** How well this process keeps up: what stood still, for how long, and whether it was its own doing. */
export class SelfProbe {
  readonly #behindMs: () => number;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  readonly #gc = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#noteGc(duration);
  });
  #timer: NodeJS.Timeout | undefined;
  #gcMs = 0;
  #longestGcMs = 0;
  #mostBehindMs = 0;
  #waitedMs: number | undefined;

  /** `behindMs`: for how long the recorder has held a row that is not on its way to the disk yet. */
  constructor(behindMs: () => number) {
    this.#behindMs = behindMs;
  }

  start(): void {
    this.#loop.enable();
    this.#gc.observe({ entryTypes: ['gc'] });
    this.#waitedMs = waitedForCpuMs();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** What has been since the reading before this one. */
  read(): Partial<Record<SampleMetric, number>> {
    this.#look();
    const waitedMs = waitedForCpuMs();
    const reading = {
      // The monitor measures the gap between its own ticks: what is above its resolution is delay.
      loop_delay_ms: Math.max(0, this.#loop.max / NS_PER_MS - LOOP_RESOLUTION_MS),
      gc_ms: this.#gcMs,
      gc_pause_ms: this.#longestGcMs,
      recorder_behind_ms: this.#mostBehindMs,
      ...(waitedMs === undefined ? {} : { cpu_wait_ms: waitedMs - (this.#waitedMs ?? waitedMs) }),
    };
    this.#loop.reset();
    this.#gcMs = 0;
    this.#longestGcMs = 0;
    this.#mostBehindMs = 0;
    this.#waitedMs = waitedMs;
    return reading;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#loop.disable();
    this.#gc.disconnect();
  }

  #look(): void {
    this.#mostBehindMs = Math.max(this.#mostBehindMs, this.#behindMs());
  }

  #noteGc(ms: number): void {
    this.#gcMs += ms;
    this.#longestGcMs = Math.max(this.#longestGcMs, ms);
  }
}

/**
 * For how long this process's first thread, which is the event loop's, has been ready to run while every processor was
 * somebody else's. It tells a pause that the machine made from one that the harness made. Undefined where the kernel
 * does not count it.
 */
function waitedForCpuMs(): number | undefined {
  try {
    const [, waitedNs] = readFileSync('/proc/self/schedstat', 'utf8').split(' ');
    return waitedNs === undefined ? undefined : Number(waitedNs) / NS_PER_MS;
  } catch {
    return undefined; // Not Linux, or a kernel without it.
  }
}
