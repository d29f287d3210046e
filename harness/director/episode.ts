import { setTimeout as sleep } from 'node:timers/promises';

import { roundMs } from '../model/clock.ts';
import type { EpisodeRow, StepRow } from '../model/episode.ts';
import type { Seen } from '../model/seen.ts';
import type { Answer } from '../worker/requests.ts';
import { type LockWait, readLockWaits, waitingFor } from './blocked.ts';
import { isOfOrder, type Pause } from './controls.ts';
import { Cues } from './cues.ts';
import { EpisodeKeys } from './keys.ts';
import { answersOf, excludedBy, NOTHING, NotPlayed, type StepResult, whoOf, wordsOf } from './results.ts';
import type { Stage } from './stage.ts';
import { isCue, type ScriptProcess, type Step } from './steps.ts';
import { Processes, type Trap } from './traps.ts';

/** How often PostgreSQL is asked who waits for whom, and what is committed. */
const LOOK_MS = 8;
/** How often it is asked while something is held that no step expects to block anyone. */
const LOOK_ASIDE_MS = 60;
/** A process that waits so long for what the script holds will do so until it is let go. */
const EXCLUDED_MS = 1_000;
/**
 * From the last step to what the workers do by themselves: the judge takes what is nearer together for simultaneous,
 * and would find in it a cause of what came before (`clock_tolerance_ms`).
 */
const APART_MS = 300;
/** How long a DAG run may take to end once the script has. */
const END_MS = 6_000;
/** Of what a process did instead. */
const SAID_STATEMENTS = 4;

export interface EpisodePlan {
  readonly number: number;
  readonly race: string;
  readonly file: string;
  readonly breaks: string;
  readonly kind: EpisodeRow['kind'];
  /** As the scenario names it; a DAG of its own, so that no other episode is in its way. */
  readonly dag: string;
  readonly tasks: readonly string[];
  readonly steps: readonly (Step | Pause)[];
  /** A hold may last longer than 4 s. */
  readonly isLong: boolean;
}

/** One playing of a script on a fresh DAG run. */
export class Episode {
  readonly #stage: Stage;
  readonly #plan: EpisodePlan;
  readonly #keys: EpisodeKeys;
  readonly #processes: Processes;
  readonly #cues: Cues;
  readonly #traps = new Map<string, Trap>();
  readonly #passes = new Map<Step, Promise<{ readonly process: string; readonly seen: Seen }>>();
  #heldMs: number | null = null;

  constructor(stage: Stage, plan: EpisodePlan) {
    this.#stage = stage;
    this.#plan = plan;
    const dagId = stage.dagId(plan.dag);
    this.#keys = new EpisodeKeys(stage.database, dagId, plan.tasks);
    this.#processes = new Processes(stage.wires, (name) => this.#keys.subjectOf(name), plan.isLong);
    this.#cues = new Cues(stage, { dag: plan.dag, dagId, keys: this.#keys }, plan.steps);
  }

  /** To the end of its DAG run. Rejects only when the run is cancelled, or the database has gone. */
  async play(): Promise<EpisodeRow> {
    const { clock, record, dagId } = this.#stage;
    const { number: episode, race, file, breaks, kind, dag } = this.#plan;
    const from_ms = roundMs(clock.now());
    let ended: Pick<EpisodeRow, 'ended' | 'step' | 'why'> = { ended: 'played', step: null, why: null };
    try {
      await this.#processes.open();
      ended = await this.#steps();
    } finally {
      for (const { held } of this.#traps.values()) held?.release();
      this.#processes.close();
    }
    const played_ms = roundMs(clock.now());
    await this.#letEnd();
    const to_ms = roundMs(clock.now());
    const row: EpisodeRow = {
      ...{ episode, race, file, breaks, kind, dag_id: dagId(dag), from_ms, played_ms, to_ms },
      ...{ ...ended, held_ms: this.#heldMs },
    };
    record.append('episodes', row);
    return row;
  }

  async #steps(): Promise<Pick<EpisodeRow, 'ended' | 'step' | 'why'>> {
    const { steps } = this.#plan;
    this.#arm(-1);
    // The build has no such point: what the script has left to ask for is asked for, and nothing is held any more.
    let absent: Pick<EpisodeRow, 'ended' | 'step' | 'why'> | undefined;
    for (const [index, step] of steps.entries()) {
      if ('pauseMs' in step) {
        await this.#wait(sleep(step.pauseMs), 60, undefined);
        continue;
      }
      if (absent && isOfOrder(step)) continue;
      const began = this.#stage.clock.now();
      if (isCue(step)) this.#arm(index);
      try {
        this.#note(index, step, began, await this.#carryOut(absent ? { ...step, waits: true } : step));
      } catch (error) {
        if (!(error instanceof NotPlayed)) throw error;
        this.#note(index, step, began, { ...NOTHING, result: error.message });
        if (absent) continue;
        const isAbsent = step.orHeld && error.how === 'not-reached';
        const ended = { ended: isAbsent ? 'absent' : error.how, step: index + 1, why: error.message } as const;
        if (!isAbsent) return ended;
        absent = ended;
        this.#processes.disarm();
      }
    }
    if (absent) return absent;
    const late = [...this.#traps.values()].find(({ endedBy }) => endedBy !== undefined);
    if (late) {
      const why = `${late.name} was let go by itself (${late.endedBy}) before the script released it`;
      return { ended: 'not-reached', step: steps.length, why };
    }
    return { ended: 'played', step: null, why: null };
  }

  /** What a process passes may be done while the cue before is under way: it is watched from there on. */
  #arm(cue: number): void {
    for (const step of this.#plan.steps.slice(cue + 1)) {
      if ('pauseMs' in step || isCue(step)) return;
      const { action } = step;
      if (action.do !== 'passes') continue;
      this.#passes.set(step, this.#processes.passes(action.process, action.point));
      // Of two in a row the second comes after the first.
      return;
    }
  }

  #note(index: number, { line, text }: Step, began: number, result: StepResult): void {
    const row: StepRow = {
      episode: this.#plan.number,
      step: index + 1,
      line,
      text,
      began_ms: roundMs(began),
      ended_ms: roundMs(this.#stage.clock.now()),
      ...result,
    };
    this.#stage.record.append('steps', row);
  }

  async #carryOut(step: Step): Promise<StepResult> {
    const { action, withinS, waits } = step;
    switch (action.do) {
      case 'hold':
      case 'cut':
        this.#traps.set(action.name, this.#processes[action.do](action.name, action.process, action.point));
        return NOTHING;
      case 'reached': {
        const trap = this.#trap(action.name);
        const seen = await this.#wait(trap.reached, withinS, trap.process);
        return { result: trap.held ? 'held' : 'cut', ...whoOf(seen) };
      }
      case 'release':
        return this.#release(action.names);
      case 'passes': {
        const passed = this.#passes.get(step) ?? this.#processes.passes(action.process, action.point);
        const { seen } = await this.#wait(passed, withinS, action.process);
        return { result: 'passed', ...whoOf(seen) };
      }
      case 'blocked': {
        const wait = await this.#wait(this.#blocked(action.process, action.by), withinS, undefined);
        this.#processes.bind(action.process, wait.process);
        return { result: `waits for ${wait.lock}`, process: wait.process, pid: wait.pid, statement: wait.statement };
      }
      case 'state':
        await this.#wait(this.#state(action.of, action.state), withinS, undefined);
        return NOTHING;
      case 'handed':
        await this.#wait(this.#cues.worker(action.of, 'newest', { act: 'run' }), withinS, 'scheduler');
        return NOTHING;
      case 'answered':
        return answersOf(
          await this.#wait(
            this.#cues.answers(action.who),
            withinS,
            action.who === 'operator' ? 'api-core' : 'api-execution',
          ),
        );
      case 'work': {
        const find = this.#cues.worker(action.of, action.by, action.cue);
        const worker = await this.#wait(find, withinS, 'scheduler');
        const answer = this.#cues.perform(worker, action.of, { cue: action.cue, waits });
        if (!waits) return NOTHING;
        const got = await this.#wait(answer, withinS, 'api-execution');
        if (action.cue.act === 'run') this.#mustBeOk(got);
        return answersOf([got]);
      }
      case 'news':
        await this.#wait(this.#cues.report(action.of, action.ended), withinS, 'scheduler');
        return NOTHING;
      case 'revise':
        await this.#stage.revise(this.#plan.dag);
        return NOTHING;
      case 'trigger':
      case 'backfill':
      case 'mark':
      case 'clear':
      case 'delete': {
        const answer = this.#cues.operate(action, waits);
        if (!waits) return NOTHING;
        const got = await this.#wait(answer, withinS, 'api-core');
        this.#mustBeOk(got);
        await this.#keys.read();
        return answersOf([got]);
      }
      default:
        throw new Error(`unknown step ${JSON.stringify(action satisfies never)}`);
    }
  }

  /** A request without which the script cannot be played. */
  #mustBeOk({ outcome, status, reason }: Answer): void {
    if (outcome === 'ok') return;
    throw new NotPlayed(
      'not-reached',
      `the request was answered ${status ?? 'not at all'}${reason ? `, ${reason}` : ''}`,
    );
  }

  #trap(name: string): Trap {
    const trap = this.#traps.get(name);
    if (!trap) throw new Error(`there is no ${name}`);
    return trap;
  }

  #release(names: readonly string[]): StepResult {
    const traps = names.map((name) => this.#trap(name));
    // In one turn of the event loop: they go together.
    for (const { held } of traps) held?.release();
    const [first] = traps;
    if (first?.heldAt === undefined) return NOTHING;
    this.#heldMs = roundMs(performance.now() - first.heldAt);
    const late = traps.find(({ endedBy }) => endedBy !== undefined);
    if (late) throw new NotPlayed('not-reached', `${late.name} had been let go by itself (${late.endedBy})`);
    return { ...NOTHING, result: `after ${Math.round(this.#heldMs)} ms` };
  }

  async #blocked(process: ScriptProcess, by: string): Promise<LockWait> {
    for (;;) {
      const pid = this.#trap(by).held?.pid;
      if (pid !== undefined) {
        const waits = waitingFor(new Set([pid]), await readLockWaits(this.#stage.database));
        const found = waits.find((wait) => this.#processes.isMeant(process, wait.process));
        if (found) return found;
      }
      await sleep(LOOK_MS, undefined, { signal: this.#stage.signal });
    }
  }

  async #state(of: Parameters<EpisodeKeys['stateOf']>[0], state: string): Promise<void> {
    for (;;) {
      await this.#keys.read();
      if (this.#keys.stateOf(of) === state) return;
      await sleep(LOOK_MS, undefined, { signal: this.#stage.signal });
    }
  }

  /**
   * Waits for what a step waits for, not longer than it may. `of`: the process that it takes; if that waits for what
   * the script holds, the database forbids the order.
   */
  async #wait<Got>(what: Promise<Got>, withinS: number, of: ScriptProcess | undefined): Promise<Got> {
    const over = new AbortController();
    const { signal } = this.#stage;
    const stop = AbortSignal.any([over.signal, signal]);
    const deadline = sleep(withinS * 1000, 'late' as const, { signal: stop });
    const aside = this.#lookAside(of, stop);
    try {
      const first = await Promise.race([what.then((got) => ({ got })), deadline, aside]);
      if (first === 'late')
        throw new NotPlayed('not-reached', `did not come about within ${withinS} s${this.#instead(of)}`);
      return first.got;
    } finally {
      over.abort();
      for (const loser of [what, deadline, aside]) loser.catch(() => undefined);
    }
  }

  /** Keeps the keys of rows known, and sees when what is held keeps the awaited process from its step. Only rejects. */
  async #lookAside(of: ScriptProcess | undefined, stop: AbortSignal): Promise<never> {
    let since: number | undefined;
    for (;;) {
      await sleep(LOOK_ASIDE_MS, undefined, { signal: stop });
      await this.#keys.read();
      const pids = new Map(
        [...this.#traps.values()].flatMap(({ held, endedBy }) => (held && !endedBy ? [[held.pid, held.seen]] : [])),
      ) as ReadonlyMap<number, Seen>;
      if (of === undefined || pids.size === 0) continue;
      const waits = waitingFor(new Set(pids.keys()), await readLockWaits(this.#stage.database));
      const wait = waits.find(({ process }) => this.#processes.isMeant(of, process));
      since = wait ? (since ?? performance.now()) : undefined;
      if (!wait || since === undefined || performance.now() - since < EXCLUDED_MS) continue;
      const holder = wait.blockedBy.map((pid) => pids.get(pid)).find((seen) => seen !== undefined);
      throw new NotPlayed('excluded', excludedBy(wait, holder));
    }
  }

  #instead(of: ScriptProcess | undefined): string {
    if (of === undefined) return '';
    const last = this.#processes.lastOf(of).filter(({ kind }) => kind.tables.length > 0);
    const said = last.slice(-SAID_STATEMENTS).map(({ kind }) => wordsOf(kind));
    return said.length === 0 ? `; ${of} sent no statement` : `; ${of} sent instead: ${said.join(' · ')}`;
  }

  /** The workers do what is left, until the DAG run is over. */
  async #letEnd(): Promise<void> {
    await sleep(APART_MS, undefined, { signal: this.#stage.signal });
    const until = performance.now() + END_MS;
    do {
      this.#cues.finishAll();
      await this.#keys.read();
      if (this.#keys.areOver && this.#cues.areOver) return;
      await sleep(LOOK_ASIDE_MS, undefined, { signal: this.#stage.signal });
    } while (performance.now() < until);
  }
}
