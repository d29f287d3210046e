import { LiveLine } from '../../reports/live.ts';
import type { LiveNumbers } from '../run/execute.ts';

/** What a run tells of itself while it lasts. */
export type RunProgress = Pick<Progress, 'phase' | 'numbers' | 'note' | 'stop'>;

/** What the live line shows of one run: where it stands, and the run's own numbers once there are any. */
export class Progress {
  readonly #line: LiveLine;
  readonly #plannedMs: number;
  #phase = 'starting';
  #since = performance.now();
  #read: (() => LiveNumbers) | undefined;
  #last: { at: number; sent: number } | undefined;
  #rate = 0;

  constructor(label: string, plannedS: number) {
    this.#plannedMs = plannedS * 1000;
    this.#line = new LiveLine({ label, read: () => this.#now() });
  }

  phase(phase: string): void {
    this.#phase = phase;
    this.#since = performance.now();
  }

  numbers(read: () => LiveNumbers): void {
    this.#read = read;
  }

  note(text: string): void {
    this.#line.note(text);
  }

  stop(): void {
    this.#line.stop();
  }

  #now() {
    const at = performance.now();
    const numbers = this.#read?.();
    // Requests a second over the last second or more: a rate over the whole run would hide that it stalls.
    if (numbers && (!this.#last || at - this.#last.at >= 1_000)) {
      if (this.#last) this.#rate = ((numbers.sent - this.#last.sent) * 1000) / (at - this.#last.at);
      this.#last = { at, sent: numbers.sent };
    }
    return {
      phase: this.#phase,
      elapsedMs: at - this.#since,
      plannedMs: this.#phase === 'load' ? this.#plannedMs : null,
      live: numbers?.live ?? null,
      requestsPerSecond: numbers ? this.#rate : null,
      http409: numbers?.http409 ?? null,
      http5xx: numbers?.http5xx ?? null,
      deadlocks: numbers?.deadlocks ?? null,
    };
  }
}
