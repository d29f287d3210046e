import { isRecord } from '../model/json.ts';
import type { LifeEnd } from '../model/operation.ts';
import { cancellableSleep } from './cancel.ts';
import type { LifeContext } from './context.ts';
import { Heartbeats, type Silence } from './heartbeat.ts';
import { besideImpostor } from './impostor.ts';
import { drawLifePlan, type LifePlan } from './life-spec.ts';
import type { Answer } from './requests.ts';
import { type ReportedState, TaskRequests } from './task-requests.ts';

/** From the end of a task's work to the end of its process: listeners, callbacks. Seen: 20 to 150 ms. */
const EXIT_MS: readonly [number, number] = [20, 150];
/** From SIGTERM to SIGKILL where the supervisor has given up: the same in all releases. */
const GIVEN_UP_CLEANUP_MS = 5_000;

/**
 * How a task's process ended: well, with its end reported; with an error that nothing was said of; by a signal; or with
 * the whole worker.
 */
type Exit =
  | { readonly how: 'reported' | 'killed' | 'error' }
  | { readonly how: 'failed'; readonly state: 'failed' | 'up_for_retry' }
  /** An end that the server did not accept. */
  | { readonly how: 'unaccepted'; readonly state: ReportedState; readonly answer: Answer }
  | { readonly how: 'worker'; readonly end: LifeEnd };

/** Thrown through the task's work, to where its process ends. */
class Exited extends Error {
  readonly exit: Exit;

  constructor(exit: Exit) {
    super(exit.how);
    this.exit = exit;
  }
}

/**
 * One task attempt as Airflow's supervisor and the task's process live it: start, heartbeat, rendered fields, more
 * heartbeats, skips or a trigger, result, end. One request at a time, except where it plays a client that lost an
 * answer. The states are
 *
 *     handed → started → working → reporting → ended
 *
 * A start that is refused ends it. A heartbeat that is answered 404, 409 or 410 orders it to stop: the task gets a
 * SIGTERM, and what it still does until it is killed is sent, be it its end report.
 */
export class RunningLife {
  readonly #context: LifeContext;
  readonly #plan: LifePlan;
  readonly #requests: TaskRequests;
  readonly #beats: Heartbeats;
  #shouldRetry = false;
  /** Its process has a handler for SIGTERM, which is there when the DAG is parsed. */
  #handlesSigterm = false;
  /** Since it was ordered to stop: why, and when its process is killed, on the run's clock. */
  #stopping: { readonly why: Silence; readonly killedAt: number } | undefined;

  constructor(context: LifeContext) {
    this.#context = context;
    this.#plan = drawLifePlan(context.spec, context.rng, context.hazards);
    this.#requests = new TaskRequests(context);
    this.#beats = new Heartbeats(context, (intendedMs) => this.#requests.heartbeat(intendedMs));
  }

  /** To its end. Rejects for an error of the harness only. */
  async play(): Promise<LifeEnd> {
    try {
      const { clock, hooks, spec } = this.#context;
      const startMs = spec.handedMs + this.#plan.pickupMs;
      if (startMs > clock.now()) await cancellableSleep(startMs - clock.now(), hooks.cancel);
      if (await hooks.isRevoked()) return 'revoked';
      if (this.#plan.neverStarts) return 'never-started';
      const answer = await this.#requests.start(startMs, this.#plan.lostAnswer);
      if (answer.outcome !== 'ok') return answer.outcome === 'refused' ? 'refused' : 'raised';
      hooks.onStarted(clock.now());
      const exit = await this.#task(isRecord(answer.body) ? answer.body : {});
      return await this.#afterExit(await this.#linked(exit));
    } catch (error) {
      if (this.#context.hooks.cancel.aborted) return 'run-ended';
      throw error;
    }
  }

  /** What the task's process does. */
  async #task(given: Readonly<Record<string, unknown>>): Promise<Exit> {
    const startedMs = this.#context.clock.now();
    const { parseMs, durationMs } = this.#plan;
    const endAt = startedMs + durationMs;
    this.#shouldRetry = given.should_retry === true;
    // A life that was resumed by its trigger, or waits no more, works to its end.
    const isRescheduled = Number(given.task_reschedule_count ?? 0) > 0;
    const again = typeof given.next_method === 'string' || isRescheduled;
    try {
      await this.#heed(await this.#beats.beatNow());
      await this.#rest(startedMs + Math.min(parseMs, durationMs));
      this.#handlesSigterm = true;
      const keys = Array.isArray(given.xcom_keys_to_clear) ? given.xcom_keys_to_clear : [];
      for (const key of keys) await this.#must(this.#requests.clearResult(String(key)));
      if (this.#plan.rtif) await this.#writeFields();
      if (this.#context.spec.client.namesMapIndex && this.#isMapped) await this.#must(this.#requests.nameMapIndex());
      if (this.#context.spec.outlets.length > 0) await this.#must(this.#requests.checkOutlets());
      if (this.#plan.reschedules && isRescheduled) await this.#must(this.#requests.readRescheduleStart());
      await this.#work(startedMs, endAt);
      if (this.#plan.silentDeath || this.#context.hazards.hit('silent_death')) {
        return { how: 'worker', end: 'silent' };
      }
      if (this.#plan.defers && !again) return await this.#leave('deferred');
      if (this.#plan.reschedules && !again) return await this.#leave('up_for_reschedule');
      return await this.#conclude();
    } catch (error) {
      if (!(error instanceof Exited)) throw error;
      return error.exit;
    }
  }

  get #isMapped(): boolean {
    return this.#context.spec.workload.ti.map_index >= 0;
  }

  /** Twice at once is what the server sees of a client that timed out and sent again while the first was under way. */
  async #writeFields(): Promise<void> {
    const { client } = this.#context.spec;
    const first = this.#plan.rtifTwice ? this.#requests.takeNumber() : undefined;
    const writes = [this.#requests.writeFields(1, { duplicateOf: first, op: first })];
    if (this.#plan.rtifTwice) writes.push(this.#requests.writeFields(2, { duplicateOf: first }));
    for (const answer of await Promise.all(writes)) {
      if (answer.status !== 410 || !client.ignoresGoneFields) await this.#must(Promise.resolve(answer));
    }
  }

  #work(startedMs: number, endAt: number): Promise<void> {
    const { impostorAt, durationMs } = this.#plan;
    const work = () => this.#rest(endAt);
    if (impostorAt === null) return work();
    return besideImpostor(
      this.#context,
      startedMs + durationMs * impostorAt,
      (draft) => this.#requests.specOf(draft),
      work,
    );
  }

  /** Skips, result and end, when the work is done. */
  async #conclude(): Promise<Exit> {
    const { follows, task, triggers } = this.#context.spec;
    if (this.#plan.fails) return this.#fail();
    if (task.skips !== undefined && task.skips.length > 0) {
      await this.#must(this.#requests.pushDecision(follows));
      await this.#mustAtTheEnd(await this.#requests.skip(task.skips));
    } else if (triggers !== null) {
      await this.#trigger(triggers);
    } else if (this.#plan.xcom) {
      await this.#must(this.#requests.pushResult());
    }
    return this.#report('success');
  }

  /** A run that is there already ends the task, also its own: Airflow's client does not ask who made it. */
  async #trigger(dagId: string): Promise<void> {
    const run = this.#requests.runOf(dagId);
    if (this.#context.spec.client.linksFirst) await this.#must(this.#requests.pushRunLink(run));
    const answer = await this.#requests.triggerRun(run, this.#plan.lostAnswer);
    if (answer.status === 409) {
      await this.#taskSpoke();
      throw new Exited({ how: 'failed', state: 'failed' });
    }
    await this.#mustAtTheEnd(answer);
    await this.#mustAtTheEnd(await this.#requests.pushRunId(run));
  }

  /** Whatever became of a task that triggers a run, its process ends with the link to the run that it finds. */
  async #linked(exit: Exit): Promise<Exit> {
    const { client, triggers } = this.#context.spec;
    // Up to 3.2.1 an end that is not accepted ends the process at once.
    const isLinked = exit.how === 'unaccepted' ? client.second === 'again' : ['reported', 'failed'].includes(exit.how);
    if (triggers === null || !isLinked) return exit;
    let answer = await this.#requests.readRunId();
    if (answer.outcome === 'ok' || answer.status === 404) {
      const found = isRecord(answer.body) && answer.outcome === 'ok' ? answer.body.value : 'None';
      answer = await this.#requests.pushRunLink({ dag_id: triggers, run_id: String(found) });
    }
    return answer.status === null && client.failsWithoutAnswer ? { how: 'worker', end: 'raised' } : exit;
  }

  /** An end that another life of the same task follows. */
  async #leave(state: 'deferred' | 'up_for_reschedule'): Promise<Exit> {
    await this.#context.hooks.onLeaving();
    return this.#report(state);
  }

  /** The task has raised an error: what its process says of that, and what it leaves to the supervisor. */
  #fail(): Promise<Exit> | Exit {
    const state = this.#shouldRetry ? 'up_for_retry' : 'failed';
    if (state === 'failed' || this.#context.spec.client.reportsAfterExit) return { how: 'failed', state };
    return this.#report(state);
  }

  async #report(state: ReportedState): Promise<Exit> {
    const { client } = this.#context.spec;
    const { hazards, hooks } = this.#context;
    if (this.#isTaken && client.reportsAfterExit) return { how: 'reported' };
    const held = hazards.hit('late_end');
    if (held) await cancellableSleep(held.ms, hooks.cancel);
    const answer = await this.#requests.report(state, this.#plan.lostAnswer);
    if (answer.outcome === 'ok') return { how: 'reported' };
    if (answer.status === null && client.failsWithoutAnswer) return { how: 'worker', end: 'raised' };
    // The task's process is about to end: an order to stop comes too late.
    if (this.#stopping === undefined && client.second === 'again') await this.#beats.taskSpoke();
    return { how: 'unaccepted', state, answer };
  }

  /** A request without which the task cannot go on. */
  async #must(sent: Promise<Answer>): Promise<void> {
    const { outcome, status } = await sent;
    if (outcome === 'ok') return this.#taskSpoke();
    if (status === null && this.#context.spec.client.failsWithoutAnswer) {
      throw new Exited({ how: 'worker', end: 'raised' });
    }
    await this.#taskSpoke();
    throw new Exited(await this.#fail());
  }

  /** The same of one that follows the task's own code, of which not every release handles the error. */
  async #mustAtTheEnd(answer: Answer): Promise<void> {
    const { diesOfRefusal, failsWithoutAnswer } = this.#context.spec.client;
    if (answer.outcome !== 'ok' && diesOfRefusal && (answer.status !== null || !failsWithoutAnswer)) {
      await this.#taskSpoke();
      throw new Exited({ how: 'error' });
    }
    await this.#must(Promise.resolve(answer));
  }

  async #taskSpoke(): Promise<void> {
    if (this.#stopping === undefined) await this.#heed(await this.#beats.taskSpoke());
  }

  /** Whether the server has taken the task away. */
  get #isTaken(): boolean {
    return this.#stopping !== undefined && this.#stopping.why !== 'unanswered';
  }

  /** Works until then, with heartbeats while it may. */
  async #rest(untilMs: number): Promise<void> {
    const { clock, hooks } = this.#context;
    if (this.#stopping === undefined) await this.#heed(await this.#beats.until(untilMs));
    if (this.#stopping === undefined || this.#stopping.why === 'late') return;
    const doneAt = this.#beats.rushed ? 0 : untilMs + this.#beats.stalledMs;
    await cancellableSleep(Math.min(doneAt, this.#stopping.killedAt) - clock.now(), hooks.cancel);
    if (doneAt > this.#stopping.killedAt) throw new Exited({ how: 'killed' });
  }

  /** The process gets a SIGTERM. An operator's `on_kill` may end it, as that of Bash does; Python works on. */
  async #heed(why: Silence | undefined): Promise<void> {
    if (why === undefined) return;
    if (why === 'silent') throw new Exited({ how: 'worker', end: 'silent' });
    const { clock, spec } = this.#context;
    const ms = why === 'unanswered' ? GIVEN_UP_CLEANUP_MS : spec.client.cleanupMs;
    this.#stopping = { why, killedAt: clock.now() + ms };
    if (!this.#handlesSigterm) throw new Exited({ how: 'killed' });
    if (this.#plan.endsOnSigterm && why !== 'late') throw new Exited(await this.#fail());
  }

  /** What the supervisor does when the task's process has ended. */
  async #afterExit(exit: Exit): Promise<LifeEnd> {
    const { client } = this.#context.spec;
    if (exit.how === 'worker') return exit.end;
    if (exit.how === 'reported' && !this.#isTaken) return 'reported';
    const { rng, hooks } = this.#context;
    await cancellableSleep(rng.between(...EXIT_MS), hooks.cancel);
    if (this.#isTaken) {
      if (client.reportsAfterExit) return this.#acknowledgeStop();
      if (exit.how === 'unaccepted' && client.second === 'again') {
        await this.#requests.report(exit.state, false, exit.answer);
      }
      return 'stopped';
    }
    if (exit.how === 'failed') return this.#lastReport(exit.state);
    if (exit.how === 'unaccepted' && client.second === 'again') return this.#reportAgain(exit);
    // It is taken for a failure, which the supervisor reports unless the task may be tried again.
    if (this.#shouldRetry) return exit.how === 'unaccepted' ? endOf(exit.answer) : 'gave-up';
    return this.#lastReport('failed');
  }

  async #reportAgain({ state, answer: first }: Exit & { readonly how: 'unaccepted' }): Promise<LifeEnd> {
    if (this.#context.spec.client.reportsAfterExit && first.outcome === 'refused') return this.#acknowledgeStop();
    const answer = await this.#requests.report(state, false, first);
    return answer.outcome === 'ok' ? 'reported' : endOf(answer);
  }

  /** One after which the supervisor has nothing more to try. */
  async #lastReport(state: ReportedState): Promise<LifeEnd> {
    const { outcome } = await this.#requests.report(state, this.#plan.lostAnswer);
    if (outcome === 'refused' && this.#context.spec.client.reportsAfterExit) return this.#acknowledgeStop();
    return outcome === 'ok' ? 'reported' : 'raised';
  }

  async #acknowledgeStop(): Promise<LifeEnd> {
    const { outcome } = await this.#requests.acknowledgeStop();
    return outcome === 'unknown' ? 'raised' : 'stopped';
  }
}

function endOf({ outcome }: Answer): LifeEnd {
  return outcome === 'refused' ? 'stopped' : 'gave-up';
}
