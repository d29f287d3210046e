import type { LiveNumbers, RunPhase, RunProgress } from '../model/progress.ts';
import { LiveLine, type LiveNow } from './live-line.ts';

/** Longer than any sparkline is wide. */
const REMEMBERED = 60;

/** What the live line shows of one run: where it stands, and the run's own numbers once there are any. */
export class Progress implements RunProgress {
  readonly #line: LiveLine | undefined;
  readonly #plannedMs: number;
  readonly #rates: number[] = [];
  readonly #latencies: (number | null)[] = [];
  #phase: RunPhase = 'starting';
  #step: string | undefined;
  #since = performance.now();
  #read: (() => LiveNumbers) | undefined;
  #last: { at: number; sent: number } | undefined;

  /** `quiet`: no line, only notes. */
  constructor(label: string, plannedS: number, { quiet = false }: { readonly quiet?: boolean } = {}) {
    this.#plannedMs = plannedS * 1000;
    if (!quiet) this.#line = new LiveLine({ label, read: () => this.now() });
  }

  phase(phase: RunPhase, step?: string): void {
    this.#phase = phase;
    this.#step = step;
    this.#since = performance.now();
  }

  numbers(read: () => LiveNumbers): void {
    this.#read = read;
  }

  note(text: string): void {
    if (this.#line) this.#line.note(text);
    else console.error(text);
  }

  stop(): void {
    this.#line?.stop();
  }

  now(): LiveNow {
    const at = performance.now();
    const numbers = this.#read?.();
    if (numbers) this.#sample(numbers, at);
    return {
      phase: this.#step ?? this.#phase,
      elapsedMs: at - this.#since,
      plannedMs: this.#phase === 'load' ? this.#plannedMs : null,
      live: numbers?.live ?? null,
      requestsPerSecond: numbers ? (this.#rates.at(-1) ?? 0) : null,
      p95Ms: this.#latencies.at(-1) ?? null,
      rates: this.#rates,
      latencies: this.#latencies,
      sent: numbers?.sent ?? null,
      http409: numbers?.http409 ?? null,
      http5xx: numbers?.http5xx ?? null,
      deadlocks: numbers?.deadlocks ?? null,
      faults: numbers?.faults ?? [],
      note: numbers?.lastFailure,
    };
  }

  /** Rate and latency of the last second or more: averages over the whole run would hide a stall. */
  #sample({ sent, latency }: LiveNumbers, at: number): void {
    if (this.#last && at - this.#last.at < 1_000) return;
    if (this.#last) {
      this.#rates.push(((sent - this.#last.sent) * 1_000) / (at - this.#last.at));
      this.#latencies.push(latency.count > 0 ? latency.percentile(95) : null);
      for (const values of [this.#rates, this.#latencies]) if (values.length > REMEMBERED) values.shift();
    }
    latency.reset();
    this.#last = { at, sent };
  }
}
