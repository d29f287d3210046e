import { randomBytes } from 'node:crypto';
import { copyFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { soakLine } from '../../reports/terminal/soak.ts';
import { type LiveNow, NO_NUMBERS } from '../console/live-line.ts';
import { say } from '../console/print.ts';
import { Progress } from '../console/progress.ts';
import { Said } from '../console/said.ts';
import type { InvariantFile } from '../judge/invariant-file.ts';
import { messageOf, StackError } from '../model/errors.ts';
import type { RunPhase } from '../model/progress.ts';
import { readingsOf } from '../model/readings.ts';
import type { Sighting, SightingKind } from '../model/sighting.ts';
import type { SoakWindow } from '../model/soak.ts';
import type { Stack } from '../model/stack.ts';
import type { EngineChoice } from '../run/engine.ts';
import { repeatCommand } from '../run/repeat.ts';
import { recordRun } from '../run/run.ts';
import { settleMs } from '../run/settle-time.ts';
import { openStack } from '../run/stack.ts';
import { type Subject, subjectName, subjectOf } from '../run/subject.ts';

import { ProcessTable } from '../system/process-table.ts';
import { readSizes } from './database-sizes.ts';
import type { SoakFolder } from './folder.ts';
import { judgeAside } from './judge.ts';
import { knownFile } from './known.ts';
import { anyWires, stopReason, windowPlan } from './plan.ts';
import { judgedWindow } from './verdict.ts';

/** A longer log of the stack is rotated between two windows; one old file is kept. */
const LOG_BYTES = 16 << 20;

interface SessionOptions {
  readonly number: number;
  readonly engine: EngineChoice | undefined;
  readonly own: readonly InvariantFile[];
  readonly signal: AbortSignal;
}

/** One session of a soak: starts a stack, and runs the missing windows on it one after another. */
export class SoakSession {
  readonly #folder: SoakFolder;
  readonly #subject: Subject;
  readonly #number: number;
  readonly #engine: EngineChoice | undefined;
  readonly #own: readonly InvariantFile[];
  readonly #enough = new AbortController();
  /** Aborted from outside, or by a threshold: `#enough`. */
  readonly #stop: AbortSignal;
  #judging: Promise<void> = Promise.resolve();
  #loadEndedAt: number | undefined;
  #progress: Progress | undefined;
  /** Each kind once a session: a soak has hundreds of windows. */
  readonly #saidBefore = new Set<SightingKind>();

  constructor(folder: SoakFolder, { number, engine, own, signal }: SessionOptions) {
    this.#folder = folder;
    this.#subject = subjectOf(folder.soak.subject);
    this.#number = number;
    this.#engine = engine;
    this.#own = own;
    this.#stop = AbortSignal.any([signal, this.#enough.signal]);
  }

  /** Resolves when all windows are judged, or the session was stopped. Rejects if the stack failed. */
  async run(): Promise<void> {
    const { plan, windows_planned } = this.#folder.soak;
    const table = new ProcessTable(randomBytes(3).toString('hex'));
    let stack: Stack | undefined;
    try {
      const progress = this.#show('starting');
      const wire = anyWires(plan, windows_planned, this.#subject);
      const logOf = (name: string) => this.#folder.log(name);
      stack = await openStack({ subject: this.#subject, plan, progress, signal: this.#stop, table, wire, logOf });
      await stack.ready;
      await this.#noteIdentity(stack);
      for (let number = this.#next(); number <= windows_planned; number = this.#next()) {
        if (this.#stop.aborted) break;
        await this.#window(number, stack);
      }
      this.#show('judging');
      await this.#judging;
    } finally {
      this.#progress?.phase('taking the stack down');
      await stack?.close().catch((error: unknown) => this.#say(`Could not take the stack down: ${messageOf(error)}`));
      await table.close();
      // The window that was running when the stack failed is judged as well.
      await this.#judging.catch(() => undefined);
      this.#progress?.stop();
    }
  }

  /** The threshold that ended it, or undefined. */
  get stopped(): string | undefined {
    return this.#enough.signal.aborted ? String(this.#enough.signal.reason) : undefined;
  }

  /** Where the window under way stands. */
  now(): LiveNow {
    return this.#progress?.now() ?? { ...NO_NUMBERS, phase: 'starting', elapsedMs: 0 };
  }

  /** Judges the windows that an earlier session left unjudged; of an interrupted one, what had been recorded. */
  async judgeLeftOver(): Promise<void> {
    for (const window of this.#folder.soak.windows) if (window.judged === null) await this.#judge(window);
  }

  /** The first window without a completed attempt. */
  #next(): number {
    const done = new Set(
      this.#folder.soak.windows.filter(({ ended }) => ended === 'completed').map(({ number }) => number),
    );
    let number = 1;
    while (done.has(number)) number++;
    return number;
  }

  async #window(number: number, stack: Stack): Promise<void> {
    const window = this.#newWindow(number);
    const { soak } = this.#folder;
    await this.#folder.update({ windows: [...soak.windows, window] });
    const plan = windowPlan(soak.plan, number, this.#subject);
    const run = this.#folder.runFolder(window);
    const progress = this.#show(`window ${number} of ${soak.windows_planned}`);
    const said = new Said(`window ${number}`, this.#saidBefore);
    let loadBeganAt: number | undefined;
    const watched = {
      phase: (phase: RunPhase) => {
        if (phase === 'load') loadBeganAt = performance.now();
        progress.phase(phase);
      },
      numbers: progress.numbers.bind(progress),
      note: (text: string) => this.#say(text),
      sighting: (seen: Sighting, intoLoadS: number | null) => {
        const text = said.sighting(seen, intoLoadS);
        if (text !== undefined) this.#say(text);
      },
      judged: () => undefined,
      stop: () => undefined,
    };
    const began = this.#loadEndedAt;
    let failure: unknown;
    try {
      const shared = { stack, settleMs: settleMs(plan.scenario) };
      const performed = await recordRun({
        subject: this.#subject,
        plan,
        out: run,
        repeat: repeatCommand({ scenario: run, subject: this.#subject, invariants: soak.invariants, ...soak.engine }),
        progress: watched,
        engine: this.#engine,
        own: this.#own,
        signal: this.#stop,
        shared,
      });
      failure = performed.failure;
    } catch (error) {
      failure = error;
    }
    const seamS = began === undefined || loadBeganAt === undefined ? null : (loadBeganAt - began) / 1000;
    // The seam begins at the planned end of the load, so that settling is part of it.
    this.#loadEndedAt = loadBeganAt === undefined ? undefined : loadBeganAt + plan.scenario.duration_s * 1000;
    const stopped = this.#stop.aborted;
    const ended = stopped ? 'interrupted' : failure === undefined ? 'completed' : 'stack-failed';
    const readings = ended === 'completed' ? await this.#read(stack) : {};
    await this.#folder.updateWindow(window.folder, { ended, seam_s: seamS, readings });
    // One window is judged at a time: more would pile up on a slow machine.
    await this.#judging;
    if (loadBeganAt !== undefined) this.#judging = this.#judge({ ...window, ended, readings }, said);
    if (failure !== undefined && !stopped) throw failure;
    if (!('target' in this.#subject)) shortenLogs(stack);
  }

  #newWindow(number: number): SoakWindow {
    const { windows, plan } = this.#folder.soak;
    const attempt = windows.filter((one) => one.number === number).length + 1;
    return {
      number,
      attempt,
      session: this.#number,
      seed: windowPlan(plan, number, this.#subject).seed,
      folder: path.join('windows', `${String(number).padStart(4, '0')}${attempt === 1 ? '' : `-${attempt}`}`),
      started_at: new Date().toISOString(),
      ended: null,
      seam_s: null,
      judged: null,
      bytes: 0,
      whole: true,
      readings: {},
    };
  }

  async #judge(window: SoakWindow, said?: Said): Promise<void> {
    const { folder } = window;
    try {
      const { judgement, seconds } = await judgeAside(this.#folder.runFolder(window), {
        log: this.#folder.log('judge'),
        invariants: this.#folder.soak.invariants,
        known: this.#folder.soak.known_file === undefined ? undefined : knownFile(this.#folder.path),
      });
      await this.#folder.observed(window);
      const readings = window.ended === 'completed' ? { ...window.readings, ...readingsOf(judgement) } : {};
      await this.#folder.updateWindow(folder, { judged: judgedWindow(judgement, seconds), readings });
      for (const text of said?.takenBack(judgement) ?? []) this.#say(text);
      const reason = stopReason(this.#folder.soak.plan.scenario, judgement.thresholds);
      if (reason !== undefined) this.#enough.abort(`window ${window.number}: ${reason}`);
    } catch (error) {
      await this.#folder.updateWindow(folder, { judged: notJudged(messageOf(error)) });
    }
    await this.#folder.retain();
    const judged = this.#folder.soak.windows.find((one) => one.folder === folder);
    if (judged) this.#say(soakLine(judged));
  }

  async #read(stack: Stack): Promise<Record<string, number>> {
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const own = { 'harness.rss_bytes': rss, 'harness.heap_bytes': heapUsed + external };
    try {
      return { ...own, ...(await readSizes(stack.dsn)) };
    } catch (error) {
      this.#say(`The sizes of the tables could not be read: ${messageOf(error)}`);
      return own;
    }
  }

  async #noteIdentity({ identity }: Stack): Promise<void> {
    const { sessions } = this.#folder.soak;
    await this.#folder.update({
      sessions: sessions.map((one) => (one.number === this.#number ? { ...one, identity } : one)),
    });
    const first = sessions.find((one) => one.identity !== null)?.identity;
    // What the soak began with; a newer windtunnel may say more.
    const other = Object.entries(identity).filter(([name, value]) => (first?.[name] ?? value) !== value);
    if (other.length === 0) return;
    const changes = other.map(([name, value]) => `${name} was ${first?.[name]} and is ${value}`).join(', ');
    throw new StackError(`This is not the build that the soak began with: ${changes}. Begin a new soak.`);
  }

  #show(what: string): Progress {
    this.#progress?.stop();
    const { plan, windows } = this.#folder.soak;
    const failed = windows.filter(({ judged }) => judged?.verdict === 'fail').length;
    const bad = failed === 0 ? '' : `, ${failed} failed`;
    const label = `${subjectName(this.#subject)} ${what}${bad}`;
    this.#progress = new Progress(label, plan.scenario.duration_s);
    return this.#progress;
  }

  #say(text: string): void {
    if (this.#progress) this.#progress.note(text);
    else say(text);
  }
}

function notJudged(why: string): NonNullable<SoakWindow['judged']> {
  const nothing = { broken: {}, thresholds_broken: [], kept: [], untested: [], findings: [], counts: {} };
  return { ...nothing, verdict: 'unknown', doubts: [`not judged: ${why}`], load_s: 0, seconds_to_judge: 0 };
}

/** As logrotate's `copytruncate`: the processes hold their logs open and append to them. */
function shortenLogs({ logs }: Stack): void {
  for (const { file } of logs) {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < LOG_BYTES) continue;
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
  }
}

/** Memory that is still held afterwards is in use or leaks; without this a reading depends on V8's last collection. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}
