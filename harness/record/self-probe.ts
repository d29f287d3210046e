import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

import type { SampleMetric } from '../model/tables.ts';
import { cpuWaitMs } from '../system/cpu-waits.ts';

/** How often the event-loop monitor samples; it misses shorter pauses. */
const LOOP_RESOLUTION_MS = 10;
/** Between two readings the recorder may fall behind and catch up, and a pause may begin: so it looks more often. */
const LOOK_MS = 100;
const NS_PER_MS = 1e6;

/** How well this process keeps up: its pauses, how long they were, and whether it caused them itself. */
export class SelfProbe {
  readonly #behindMs: () => number;
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  readonly #gc = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) this.#noteGc(duration);
  });
  #timer: NodeJS.Timeout | undefined;
  /** The monitor misses a pause that begins between its reset and its next tick, however long it is. */
  #lookedAt = performance.now();
  #longestPauseMs = 0;
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
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** What has happened since the previous reading. */
  read(): Partial<Record<SampleMetric, number>> {
    this.#look();
    const waitedMs = waitedForCpuMs();
    const reading = {
      // The monitor measures the gap between its own ticks: what is above its resolution is delay.
      loop_delay_ms: Math.max(this.#longestPauseMs, this.#loop.max / NS_PER_MS - LOOP_RESOLUTION_MS),
      gc_ms: this.#gcMs,
      gc_pause_ms: this.#longestGcMs,
      recorder_behind_ms: this.#mostBehindMs,
      ...(waitedMs === undefined ? {} : { cpu_wait_ms: waitedMs - (this.#waitedMs ?? waitedMs) }),
    };
    this.#loop.reset();
    this.#longestPauseMs = 0;
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
    const now = performance.now();
    this.#longestPauseMs = Math.max(this.#longestPauseMs, now - this.#lookedAt - LOOK_MS);
    this.#lookedAt = now;
    this.#mostBehindMs = Math.max(this.#mostBehindMs, this.#behindMs());
  }

  #noteGc(ms: number): void {
    this.#gcMs += ms;
    this.#longestGcMs = Math.max(this.#longestGcMs, ms);
  }
}

/** Of the first thread, the event loop's: a pause that the machine caused, and none that the harness caused. */
function waitedForCpuMs(): number | undefined {
  return cpuWaitMs('/proc/self');
}
