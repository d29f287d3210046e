import { setMaxListeners } from 'node:events';
import type { RunPhase, RunProgress } from '../model/progress.ts';
import type { Judgement } from '../model/verdict.ts';
import { abandonRun, type BegunRun, beginRun, runScenario } from './run.ts';
import type { JudgedRun, RunSpec } from './run-spec.ts';

/** A run before its turn: what watches it comes with its turn, as what ends it early may. */
export type NextRun = Omit<RunSpec, 'progress'> & { readonly out: string };

interface Ahead {
  readonly out: string;
  readonly begun: BegunRun;
  readonly progress: LateProgress;
  readonly ending: AbortController;
}

/**
 * Runs one after another. The stack of the next one is started when that of the last one is down, while it is judged;
 * its load begins when the last one is judged, so that no load has another run's work beside it.
 */
export class RunSeries {
  #ahead: Ahead | undefined;

  /** Plays a run. `next`: the run that will probably follow, if any. */
  async play(spec: RunSpec & { readonly out: string }, next?: () => Promise<NextRun>): Promise<JudgedRun> {
    // Another run than expected: one that failed is tried again.
    if (this.#ahead?.out !== spec.out) await this.close();
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead) {
      ahead.progress.showOn(spec.progress);
      follow(ahead.ending, spec.signal);
    }
    const onDown = async () => {
      // What is wrong with the next run is said when its turn comes.
      if (next && !spec.signal.aborted) this.#ahead = await next().then(beginAhead, () => undefined);
    };
    return runScenario(spec, { onDown, ...(ahead && { begun: ahead.begun }) });
  }

  /** Takes down a stack that was started for a run which is not played. */
  async close(): Promise<void> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead) await abandonRun(ahead.begun);
  }
}

function beginAhead(next: NextRun): Ahead {
  const progress = new LateProgress();
  const ending = new AbortController();
  follow(ending, next.signal);
  return { out: next.out, begun: beginRun({ ...next, progress, signal: ending.signal }), progress, ending };
}

function follow(ending: AbortController, signal: AbortSignal): void {
  setMaxListeners(0, signal);
  if (signal.aborted) ending.abort(signal.reason);
  else signal.addEventListener('abort', () => ending.abort(signal.reason), { once: true });
}

/** What a run says of itself before its turn is shown when the turn has come. */
class LateProgress implements RunProgress {
  #shown: RunProgress | undefined;
  #phase: readonly [phase: RunPhase, step?: string] = ['starting'];
  readonly #notes: string[] = [];

  showOn(progress: RunProgress): void {
    this.#shown = progress;
    progress.phase(...this.#phase);
    for (const text of this.#notes) progress.note(text);
  }

  phase(...phase: readonly [phase: RunPhase, step?: string]): void {
    this.#phase = phase;
    this.#shown?.phase(...phase);
  }

  numbers(read: Parameters<RunProgress['numbers']>[0]): void {
    this.#shown?.numbers(read);
  }

  note(text: string): void {
    if (this.#shown) this.#shown.note(text);
    else this.#notes.push(text);
  }

  sighting(...seen: Parameters<RunProgress['sighting']>): void {
    this.#shown?.sighting(...seen);
  }

  judged(judgement: Judgement): void {
    this.#shown?.judged(judgement);
  }

  stop(): void {
    this.#shown?.stop();
  }
}
