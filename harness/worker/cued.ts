import type { LifeEnd } from '../model/operation.ts';
import type { LifeContext } from './context.ts';
import type { Answer } from './requests.ts';
import { type ReportedState, TaskRequests } from './task-requests.ts';

export type WorkerCue =
  | { readonly act: 'run' | 'beat' | 'success' | 'fail' | 'retry' | 'defer' | 'reschedule' | 'result' }
  | { readonly act: 'fields'; readonly text: string }
  | { readonly act: 'skip' | 'follow'; readonly tasks: readonly string[] };

const REPORTS = {
  success: 'success',
  fail: 'failed',
  retry: 'up_for_retry',
  defer: 'deferred',
  reschedule: 'up_for_reschedule',
} as const satisfies Record<string, ReportedState>;

/** One task attempt of a worker that does only what it is asked to, one cue after another or several at once. */
export class CuedLife {
  readonly context: LifeContext;
  readonly #requests: TaskRequests;
  /** Resolves when its end was accepted or it has no more to do. */
  readonly ended: Promise<LifeEnd>;
  #end: (end: LifeEnd) => void = () => undefined;
  #isOver = false;
  #hasStarted = false;
  /** The number of the first of the writes of rendered fields that are under way. */
  #firstFields: number | undefined;
  /** The server has taken the task away. */
  #isTaken = false;

  constructor(context: LifeContext) {
    this.context = context;
    this.#requests = new TaskRequests(context);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    context.hooks.cancel.addEventListener('abort', () => this.#over('run-ended'));
    if (context.hooks.cancel.aborted) this.#over('run-ended');
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Resolves with the answer; rejects when the run ends before it is there. */
  async perform(cue: WorkerCue): Promise<Answer> {
    switch (cue.act) {
      case 'run':
        return this.#start();
      case 'beat':
        return this.#beat();
      case 'fields':
        return this.#writeFields(cue.text);
      case 'result':
        return this.#requests.pushResult();
      case 'skip':
        return this.#requests.skip(cue.tasks);
      case 'follow':
        return this.#requests.pushDecision(cue.tasks);
      case 'defer':
      case 'reschedule':
        // The task may be handed over again before the answer is there.
        await this.context.hooks.onLeaving();
        return this.#report(REPORTS[cue.act]);
      case 'success':
      case 'fail':
      case 'retry':
        return this.#report(REPORTS[cue.act]);
      default:
        throw new Error(`unknown cue ${JSON.stringify(cue satisfies never)}`);
    }
  }

  /** What an ordinary worker would still do: start, a heartbeat, and a good end. Never rejects. */
  async finish(): Promise<void> {
    try {
      if (!this.#isOver && !this.#hasStarted) await this.#start();
      if (!this.#isOver) await this.#beat();
      if (this.#isOver) return;
      if (this.#isTaken) this.#over('stopped');
      else await this.#report('success');
    } catch {
      this.#over('run-ended');
    }
  }

  async #start(): Promise<Answer> {
    const { clock, hooks } = this.context;
    this.#hasStarted = true;
    const answer = await this.#requests.start(clock.now(), false);
    if (answer.outcome === 'ok') hooks.onStarted(clock.now());
    else this.#over(answer.outcome === 'refused' ? 'refused' : 'raised');
    return answer;
  }

  /** While one is under way, another is what the server sees of a client that lost its answer. */
  async #writeFields(text: string): Promise<Answer> {
    const isFirst = this.#firstFields === undefined;
    const first = this.#firstFields ?? this.#requests.takeNumber();
    this.#firstFields = first;
    try {
      return await this.#requests.writeText(text, { duplicateOf: first, ...(isFirst ? { op: first } : {}) });
    } finally {
      if (isFirst) this.#firstFields = undefined;
    }
  }

  async #beat(): Promise<Answer> {
    const { clock, spec } = this.context;
    const answer = await this.#requests.heartbeat(clock.now());
    if (answer.status !== null && spec.client.takesAway.includes(answer.status)) this.#isTaken = true;
    return answer;
  }

  async #report(state: ReportedState): Promise<Answer> {
    const answer = await this.#requests.report(state, false);
    this.#over(answer.outcome === 'ok' ? 'reported' : answer.outcome === 'refused' ? 'stopped' : 'gave-up');
    return answer;
  }

  #over(end: LifeEnd): void {
    this.#isOver = true;
    this.#end(end);
  }
}
