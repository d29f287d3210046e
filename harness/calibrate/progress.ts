import { counted, excerpt, seconds } from '../../reports/words.ts';
import { LiveLine, NO_NUMBERS } from '../console/live-line.ts';
import type { CalibrationRun } from '../model/calibration.ts';
import type { RunProgress } from '../model/progress.ts';
import type { Job } from './schedule.ts';

/** Start, settling and judging of a run: a first estimate of the time left, until it is measured. */
const OVERHEAD_S = 20;

/** The live line of a calibration: progress, time left, running jobs; above it misses, false alarms and failures. */
export class CalibrationProgress {
  readonly #line: LiveLine;
  readonly #total: number;
  readonly #plannedS: number;
  readonly #jobs: number;
  readonly #began = performance.now();
  readonly #running = new Map<Job, string>();
  readonly #counts = new Map<CalibrationRun['result'], number>();
  #done = 0;
  #doneS = 0;

  constructor(queue: readonly Job[], jobs: number) {
    this.#total = queue.length;
    this.#plannedS = queue.reduce((sum, { durationS }) => sum + durationS + OVERHEAD_S, 0);
    this.#jobs = jobs;
    this.#line = new LiveLine({ label: 'calibrate', read: () => this.#now() });
  }

  /** Progress of one run: its phase appears in the calibration's line. */
  of(job: Job): RunProgress {
    this.#running.set(job, 'starting');
    return {
      phase: (phase, step) => this.#running.set(job, step ?? phase),
      numbers: () => undefined,
      note: (text) => this.#line.note(`${job.build}, seed ${job.seed}: ${text}`),
      stop: () => this.#running.delete(job),
    };
  }

  ended(run: CalibrationRun): void {
    this.#done++;
    this.#doneS += run.duration_s + OVERHEAD_S;
    this.#counts.set(run.result, this.#count(run.result) + 1);
    if (run.result === 'found' || run.result === 'clean') return;
    const broken = Object.keys(run.violations).join(', ');
    const why = [broken, excerpt(run.failure ?? '', 200), run.folder ?? ''].filter((part) => part !== '').join(' · ');
    this.#line.note(
      `${run.result}: ${run.build}, ${run.scenario}, ${run.schedulers} schedulers, seed ${run.seed}: ${why}`,
    );
  }

  note(text: string): void {
    this.#line.note(text);
  }

  stop(): void {
    this.#line.stop();
  }

  #count(result: CalibrationRun['result']): number {
    return this.#counts.get(result) ?? 0;
  }

  #now() {
    const elapsedMs = performance.now() - this.#began;
    const leftS =
      this.#done === 0
        ? this.#plannedS / this.#jobs - elapsedMs / 1000
        : (elapsedMs / 1000 / this.#doneS) * (this.#plannedS - this.#doneS);
    const now = [...this.#running].map(([{ planted }, phase]) => `${planted?.name ?? 'clean'} (${phase})`);
    const note = [
      `about ${seconds(Math.max(0, Math.round(leftS)))} left`,
      counted(this.#count('missed'), 'miss', 'misses'),
      counted(this.#count('false alarm'), 'false alarm'),
      ...(this.#count('failed to run') > 0 ? [`${this.#count('failed to run')} failed to run`] : []),
      now.join(', '),
    ].join(' · ');
    return { ...NO_NUMBERS, phase: `run ${this.#done} of ${this.#total} done,`, elapsedMs, note };
  }
}
