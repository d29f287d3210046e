import { setTimeout as sleep } from 'node:timers/promises';

import type { CuedWorker } from '../fleet/engines/cued.ts';
import type { Sender } from '../fleet/operator-actions.ts';
import { BACKFILL_EPOCH } from '../fleet/operators.ts';
import type { WorkerCue } from '../worker/cued.ts';
import type { Answer } from '../worker/requests.ts';
import type { Pause } from './controls.ts';
import type { EpisodeKeys } from './keys.ts';
import type { Stage } from './stage.ts';
import type { Mark, Step, StepAction, TaskName } from './steps.ts';

const LOOK_MS = 10;
const MINUTE_MS = 60_000;

type OperatorStep = Extract<StepAction, { readonly do: 'trigger' | 'backfill' | 'mark' | 'clear' | 'delete' }>;

interface OfEpisode {
  readonly dag: string;
  readonly dagId: string;
  readonly keys: EpisodeKeys;
}

interface ExecutorNews {
  /** Of how many more lives it says nothing by itself. */
  left: number;
  /** Lives of which it is still to report, in their order. */
  readonly silent: CuedWorker[];
}

/** What one episode has workers and operators do, and which answers are still to come. */
export class Cues {
  readonly #stage: Stage;
  readonly #episode: OfEpisode;
  readonly #ofWorkers = new Map<string, Promise<Answer>[]>();
  readonly #ofOperator: Promise<Answer>[] = [];
  readonly #finishing = new Set<CuedWorker>();
  /** Of each task of which the script has the executor speak. */
  readonly #news = new Map<string, ExecutorNews>();

  constructor(stage: Stage, episode: OfEpisode, steps: readonly (Step | Pause)[]) {
    this.#stage = stage;
    this.#episode = episode;
    for (const step of steps) {
      if ('pauseMs' in step || step.action.do !== 'news') continue;
      const name = nameOf(step.action.of);
      const { left } = this.#news.get(name) ?? { left: 0 };
      this.#news.set(name, { left: left + 1, silent: [] });
    }
  }

  /** Of the lives of the task that are not over: the newest, or the first; once a scheduler has handed it over. */
  async worker(of: TaskName, by: 'newest' | 'first', cue: WorkerCue | null): Promise<CuedWorker> {
    for (;;) {
      const its = this.#workers.filter(
        ({ key, life }) =>
          key[1] === of.task && key[2] === of.run && !life.isOver && !(cue?.act === 'run' && life.hasStarted),
      );
      const found = by === 'first' ? its[0] : its.at(-1);
      if (found) {
        this.#episode.keys.add(of, found.tiId);
        const news = this.#news.get(nameOf(of));
        if (news && news.left > 0 && found.withholdNews()) {
          news.left--;
          news.silent.push(found);
        }
        return found;
      }
      await sleep(LOOK_MS, undefined, { signal: this.#stage.signal });
    }
  }

  /** The executor reports the end of the oldest life of the task of which it has said nothing. */
  async report(of: TaskName, ended: 'success' | 'fail'): Promise<void> {
    const silent = this.#news.get(nameOf(of))?.silent ?? [];
    const worker = silent[0] ?? (await this.worker(of, 'newest', null));
    silent.shift();
    worker.reportEnd(ended);
  }

  /** `waits`: who asks for it waits for the answer; else a later step may. */
  perform({ life }: CuedWorker, of: TaskName, { cue, waits }: { cue: WorkerCue; waits: boolean }): Promise<Answer> {
    const answer = life.perform(cue);
    answer.catch(() => undefined);
    if (waits) return answer;
    const name = nameOf(of);
    this.#ofWorkers.set(name, [...(this.#ofWorkers.get(name) ?? []), answer]);
    return answer;
  }

  operate(step: OperatorStep, waits: boolean): Promise<Answer> {
    const answer = this.#send(step);
    answer.catch(() => undefined);
    if (!waits) this.#ofOperator.push(answer);
    return answer;
  }

  /** Of the requests that were not waited for, in their order. */
  answers(who: 'operator' | 'workers' | TaskName): Promise<Answer[]> {
    if (who === 'operator') return Promise.all(this.#ofOperator.splice(0));
    const names = who === 'workers' ? [...this.#ofWorkers.keys()] : [nameOf(who)];
    const sent = names.flatMap((name) => this.#ofWorkers.get(name) ?? []);
    return Promise.all(sent);
  }

  /** Every life that is left does what an ordinary worker would. */
  finishAll(): void {
    for (const worker of this.#workers) {
      if (this.#finishing.has(worker) || worker.life.isOver) continue;
      this.#finishing.add(worker);
      void worker.life.finish();
    }
  }

  get areOver(): boolean {
    return this.#workers.every(({ life }) => life.isOver);
  }

  get #workers(): readonly CuedWorker[] {
    const { dagId } = this.#episode;
    return this.#stage.workers().filter(({ key }) => key[0] === dagId);
  }

  #send(step: OperatorStep): Promise<Answer> {
    const { operators, signal } = this.#stage;
    const { dagId } = this.#episode;
    const by = { operator: 'operator', signal };
    switch (step.do) {
      case 'trigger':
        return operators.trigger(dagId, by, step.run);
      case 'backfill': {
        const { runs } = step;
        const begin = BACKFILL_EPOCH;
        return operators.backfill(
          dagId,
          { begin, end: begin + (runs - 1) * MINUTE_MS, runs, max_active_runs: runs },
          by,
        );
      }
      case 'mark':
        return this.#mark(step.marks, by);
      case 'clear': {
        const [first, ...rest] = step.tasks;
        if (!first) throw new Error('a clear names a task');
        return operators.clear(
          this.#ti(first),
          by,
          rest.map(({ task }) => task),
        );
      }
      case 'delete':
        if (step.run === null) return operators.deleteDag(dagId, by);
        return operators.delete({ dag_id: dagId, run_id: step.run }, by);
      default:
        throw new Error(`unknown request ${JSON.stringify(step satisfies never)}`);
    }
  }

  #mark(marks: readonly Mark[], by: Sender): Promise<Answer> {
    const [first, second] = marks;
    if (!first) throw new Error('a mark names a task');
    const { operators } = this.#stage;
    if (!second) return operators.mark(this.#ti(first.of), first.state, by);
    const states = marks.map(({ of, state }) => ({ task_id: of.task, new_state: state }));
    return operators.markMany(this.#ti(first.of), states, by);
  }

  #ti({ task, run }: TaskName) {
    return { dag_id: this.#episode.dagId, run_id: run, task_id: task, map_index: -1 };
  }
}

function nameOf({ task, run }: TaskName): string {
  return `${run}/${task}`;
}
