import { runVerdictText } from '../../reports/terminal/sightings.ts';
import type { LiveNumbers, RunPhase, RunProgress } from '../model/progress.ts';
import type { Sighting, SightingKind } from '../model/sighting.ts';
import type { Judgement } from '../model/verdict.ts';
import { LiveLine, type LiveNow } from './live-line.ts';
import { say } from './print.ts';
import { Said } from './said.ts';

interface ProgressOptions {
  /** Prints no line and no sighting, only notes. */
  readonly quiet?: boolean;
  /** Of several runs of one build: what was said of it by now. Each kind is said once, and each run's verdict. */
  readonly saidBefore?: Set<SightingKind>;
}

/** What the live line shows of one run: where it stands, and the run's own numbers once there are any. */
export class Progress implements RunProgress {
  readonly #line: LiveLine | undefined;
  readonly #plannedMs: number;
  #requestsPerSecond = 0;
  #p95Ms: number | null = null;
  #phase: RunPhase = 'starting';
  #step: string | undefined;
  #since = performance.now();
  #read: (() => LiveNumbers) | undefined;
  #last: { at: number; sent: number } | undefined;
  readonly #label: string;
  readonly #said: Said;
  readonly #isOneOfSeveral: boolean;

  constructor(label: string, plannedS: number, { quiet = false, saidBefore }: ProgressOptions = {}) {
    this.#label = label;
    this.#said = new Said(label, saidBefore);
    this.#isOneOfSeveral = saidBefore !== undefined;
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
    else say(text);
  }

  sighting(seen: Sighting, intoLoadS: number | null): void {
    const text = this.#line && this.#said.sighting(seen, intoLoadS);
    if (text !== undefined) this.#line?.note(text);
  }

  judged(judgement: Judgement): void {
    for (const text of this.#said.takenBack(judgement)) this.#line?.note(text);
    if (this.#isOneOfSeveral) this.#line?.note(runVerdictText(this.#label, judgement));
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
      requestsPerSecond: numbers ? this.#requestsPerSecond : null,
      p95Ms: this.#p95Ms,
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
      this.#requestsPerSecond = ((sent - this.#last.sent) * 1_000) / (at - this.#last.at);
      this.#p95Ms = latency.count > 0 ? latency.percentile(95) : null;
    }
    latency.reset();
    this.#last = { at, sent };
  }
}
