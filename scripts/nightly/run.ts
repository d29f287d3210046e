import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { bornAt } from '../../harness/system/proc.ts';
import { seconds as duration } from '../../reports/words.ts';
import { type Due, dueIn, type Evidence, estimateS, fits, GRACE_S, type Step } from './evidence.ts';
import { recordsReadme } from './readme.ts';
import {
  commitOf,
  type EvidenceRecord,
  hasSameCode,
  type Machine,
  type Round,
  readRecords,
  readRound,
  recordFile,
  recordOf,
  replaceFile,
  type StepResult,
  writeJson,
} from './records.ts';

/** The time that an interrupted step gets to take its stack down. */
const STOP_MS = (GRACE_S - 30) * 1000;
/** Of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

export interface NightlyOptions {
  /** All that exists, for the generated page; `chosen` of them are run. */
  readonly all: readonly Evidence[];
  readonly chosen: readonly Evidence[];
  readonly budgetS: number;
  /** The checkout that is measured, and in which the steps run. */
  readonly root: string;
  readonly records: string;
  readonly work: string;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** Runs what the round lacks until the budget is used. Returns false if a step failed. */
export async function runNightly(options: NightlyOptions): Promise<boolean> {
  const { all, chosen, records: folder, work, budgetS, signal, print } = options;
  const began = performance.now();
  const elapsedS = () => (performance.now() - began) / 1000;
  const nightly = path.join(folder, 'nightly');
  const old = readRound(roundFile(work));
  if (old?.running) await stopGroup(old.running);
  let round = openRound(options);
  if (round.commit.endsWith('-dirty')) print('There are uncommitted changes: this round cannot be continued later.');
  for (const evidence of chosen)
    if (round.steps[evidence.name] === undefined) rmSync(workOf(work, evidence), { recursive: true, force: true });
  announce(dueIn(chosen, readRecords(nightly), round), readRecords(nightly), options);
  let passed = true;
  for (const { evidence, steps } of dueIn(chosen, readRecords(nightly), round)) {
    for (const [i, step] of steps.entries()) {
      if (signal.aborted) break;
      const estimate = estimateS(evidence, step, readRecords(nightly));
      if (!fits(estimate, elapsedS(), budgetS)) {
        print(`${evidence.name}, ${step.name}: does not fit in the rest of the budget (about ${duration(estimate)}).`);
        break;
      }
      const result = await play(evidence, step, round, { ...options, leftMs: (budgetS - GRACE_S - elapsedS()) * 1000 });
      round = saveRound(work, { ...round, running: null });
      if (result === undefined) {
        print(`${evidence.name}, ${step.name}: stopped; it will be repeated.`);
        break;
      }
      passed &&= result.result === 'pass';
      const done = [...(round.steps[evidence.name] ?? []), result];
      round = saveRound(work, { ...round, steps: { ...round.steps, [evidence.name]: done } });
      const see = result.result === 'pass' ? '' : `: see ${path.relative('.', logOf(work, evidence, step))}`;
      print(`${evidence.name}, ${step.name}: ${result.result} in ${duration(result.seconds)}${see}`);
      if (i === steps.length - 1) round = complete(evidence, done, round, options);
    }
  }
  replaceFile(path.join(folder, 'README.md'), recordsReadme(all, readRecords(nightly)));
  const left = dueIn(chosen, readRecords(nightly), round).map(({ evidence }) => evidence.name);
  print(left.length === 0 ? 'Nothing is left in this round.' : `Left for the next time: ${left.join(', ')}.`);
  return passed;
}

/** The order, with how long each takes. Also what `--list` prints. */
export function announce(due: readonly Due[], records: readonly EvidenceRecord[], options: NightlyOptions): void {
  for (const { evidence, steps, done } of due) {
    const total = steps.reduce((sum, step) => sum + estimateS(evidence, step, records), 0);
    const kept = done.length === 0 ? '' : `, ${done.length} done`;
    const record = records.find(({ name }) => name === evidence.name);
    const last = record === undefined ? 'no record' : `${record.result} ${record.ended_at.slice(0, 10)}`;
    const parts = `${steps.length} step${steps.length === 1 ? '' : 's'}${kept}`;
    options.print(`${evidence.name.padEnd(18)} about ${duration(total).padEnd(12)} ${parts.padEnd(20)} ${last}`);
  }
  for (const { name, missing } of options.chosen)
    if (missing !== undefined) options.print(`${name.padEnd(18)} not there yet: ${missing}`);
}

/** The open round if the code is the same, or a new one. */
export function openRound({ root, work, chosen, records }: NightlyOptions): Round {
  const old = readRound(roundFile(work));
  const commit = commitOf(root);
  const isOpen = old !== undefined && hasSameCode(root, old.commit, commit);
  if (isOpen && dueIn(chosen, readRecords(path.join(records, 'nightly')), old).length > 0)
    return { ...old, running: null };
  return {
    commit,
    seed: randomInt(1_000, 1_000_000),
    started_at: new Date().toISOString(),
    // Evidence that was not chosen keeps its place in the round.
    completed: isOpen ? old.completed.filter((name) => !chosen.some((evidence) => evidence.name === name)) : [],
    steps: isOpen ? old.steps : {},
    running: null,
  };
}

function complete(evidence: Evidence, done: readonly StepResult[], round: Round, options: NightlyOptions): Round {
  const folder = path.join(options.records, 'nightly');
  const before = readRecords(folder).find(({ name }) => name === evidence.name);
  writeJson(recordFile(folder, evidence.name), recordOf(evidence, round, thisMachine(), done, before));
  const kept = path.join(workOf(options.work, evidence), evidence.keeps ?? '');
  if (evidence.keeps !== undefined && existsSync(kept)) copyFileSync(kept, path.join(folder, path.basename(kept)));
  const { [evidence.name]: _, ...steps } = round.steps;
  const next = saveRound(options.work, { ...round, steps, completed: [...round.completed, evidence.name] });
  if (done.every(({ result }) => result === 'pass')) rmSync(workOf(options.work, evidence), { recursive: true });
  return next;
}

interface Playing extends NightlyOptions {
  readonly leftMs: number;
}

/** Undefined if the step was stopped, by the signal or at the end of the budget. */
async function play(evidence: Evidence, step: Step, round: Round, options: Playing): Promise<StepResult | undefined> {
  const work = workOf(options.work, evidence);
  mkdirSync(work, { recursive: true });
  // The step writes to the file itself, so that it outlives a nightly that is killed.
  const log = openSync(logOf(options.work, evidence, step), 'w');
  const started_at = new Date().toISOString();
  const began = performance.now();
  // A group of its own: Ctrl-C reaches the nightly alone, which then stops the whole group.
  const child = spawn(step.program ?? process.execPath, step.args({ work, seed: round.seed }), {
    cwd: options.root,
    stdio: ['ignore', log, log],
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', (error) => {
      writeSync(log, `${error.message}\n`);
      resolve(null);
    });
  });
  const running = { pid: child.pid ?? 0, born: bornAt(child.pid ?? 0) ?? '' };
  saveRound(options.work, { ...round, running });
  const stop = AbortSignal.any([
    options.signal,
    AbortSignal.timeout(Math.min(Math.max(1, Math.round(options.leftMs)), LONGEST_MS)),
  ]);
  const stopped = new Promise<'stopped'>((resolve) => {
    if (stop.aborted) resolve('stopped');
    stop.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  const how = await Promise.race([ended, stopped]);
  if (how === 'stopped') {
    await stopGroup(running);
    await ended;
  }
  closeSync(log);
  if (how === 'stopped') return undefined;
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  return { name: step.name, result: how === 0 ? 'pass' : 'fail', exit_code: how, started_at, seconds };
}

/** Interrupts a step and everything it started, as Ctrl-C would; what has not ended after a minute is killed. */
async function stopGroup({ pid, born }: NonNullable<Round['running']>): Promise<void> {
  if (pid === 0 || bornAt(pid) !== born) return;
  signalGroup(pid, 'SIGINT');
  for (const until = performance.now() + STOP_MS; performance.now() < until; ) {
    await sleep(200);
    if (!signalGroup(pid, 0)) return;
  }
  signalGroup(pid, 'SIGKILL');
}

/** False if no process of the group is left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

function workOf(work: string, { name }: Evidence): string {
  return path.join(work, name.replaceAll(':', '-'));
}

function logOf(work: string, evidence: Evidence, step: Step): string {
  return path.join(workOf(work, evidence), `${step.name.replaceAll(/[^a-z0-9.-]+/gi, '-').slice(0, 80)}.log`);
}

function saveRound(work: string, round: Round): Round {
  writeJson(roundFile(work), round);
  return round;
}

function roundFile(work: string): string {
  return path.join(work, 'round.json');
}

function thisMachine(): Machine {
  return { platform: os.platform(), arch: os.arch(), cpus: os.cpus().length, node: process.version };
}
