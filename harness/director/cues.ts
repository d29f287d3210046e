import { setTimeout as sleep } from 'node:timers/promises';

import type { CuedWorker } from '../fleet/engines/cued.ts';
import { BACKFILL_EPOCH } from '../fleet/operators.ts';
import type { WorkerCue } from '../worker/cued.ts';
import type { Answer } from '../worker/requests.ts';
import type { EpisodeKeys } from './keys.ts';
import type { Stage } from './stage.ts';
import type { StepAction, TaskName } from './steps.ts';

const LOOK_MS = 10;
const MINUTE_MS = 60_000;

type OperatorStep = Extract<StepAction, { readonly do: 'trigger' | 'backfill' | 'mark' | 'clear' | 'delete' }>;

interface OfEpisode {
  readonly dag: string;
  readonly dagId: string;
  readonly keys: EpisodeKeys;
}

/** What one episode has workers and operators do, and which answers are still to come. */
export class Cues {
  readonly #stage: Stage;
  readonly #episode: OfEpisode;
  readonly #ofWorkers = new Map<string, Promise<Answer>[]>();
  readonly #ofOperator: Promise<Answer>[] = [];
  readonly #finishing = new Set<CuedWorker>();

  constructor(stage: Stage, episode: OfEpisode) {
    this.#stage = stage;
    this.#episode = episode;
  }

  /** The newest life of the task that has not ended, once a scheduler has handed it over. */
  async worker(of: TaskName): Promise<CuedWorker> {
    for (;;) {
      const found = this.#workers.findLast(({ key, life }) => key[1] === of.task && key[2] === of.run && !life.isOver);
      if (found) {
        this.#episode.keys.add(of, found.tiId);
        return found;
      }
      await sleep(LOOK_MS, undefined, { signal: this.#stage.signal });
    }
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
        return operators.mark(this.#ti(step.of), step.state, by);
      case 'clear':
        return operators.clear(this.#ti(step.of), by);
      case 'delete':
        return operators.delete({ dag_id: dagId, run_id: step.run }, by);
      default:
        throw new Error(`unknown request ${JSON.stringify(step satisfies never)}`);
    }
  }

  #ti({ task, run }: TaskName) {
    return { dag_id: this.#episode.dagId, run_id: run, task_id: task, map_index: -1 };
  }
}

function nameOf({ task, run }: TaskName): string {
  return `${run}/${task}`;
}
