import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import { Progress } from '../console/progress.ts';
import { episodeCounts, episodeOf, slugOf } from '../director/director.ts';
import { Episode } from '../director/episode.ts';
import { parseScript, type RaceScript } from '../director/script.ts';
import type { Stage } from '../director/stage.ts';
import { judge } from '../judge/judge.ts';
import { openRun } from '../judge/open-run.ts';
import type { Build } from '../model/build.ts';
import type { JudgedEpisode } from '../model/episode.ts';
import { dagOfScript, scenarioOf, settingOf } from '../replay/resolve.ts';
import { openWarmStack, quietly, SEED, SETTLE_MS, type WarmStack } from '../replay/warm-stack.ts';
import { recordRun } from '../run/run.ts';

export interface TrialOptions {
  readonly build: Build;
  readonly out: string;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

/** What is the same of all: each trial has DAGs of its own. */
const ONCE = episodeCounts(1, false);
/** For the live line. */
const USUAL_EPISODE_S = 8;
/** A step of a smaller script may take so many times as long as the slowest that broke; at least so many seconds. */
const PATIENCE = 3;
const SHORTEST_PATIENCE_S = 2;

/** Plays scripts that may break something: on one stack, as long as they want the same setting. */
export class Trials {
  readonly #options: TrialOptions;
  #warm: { readonly setting: string; readonly stack: WarmStack } | undefined;
  #runs = 0;
  /** Of the steps of episodes that broke; undefined: none has. */
  #slowestS: number | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** The stack for scripts of this setting. */
  async stackFor(script: RaceScript): Promise<WarmStack> {
    const setting = settingOf(script);
    if (this.#warm?.setting === setting) return this.#warm.stack;
    await this.close();
    const stack = await openWarmStack(scenarioOf(script, ONCE), this.#options);
    this.#warm = { setting, stack };
    return stack;
  }

  /** Each of the scripts so many times, one after another, as one run; all want one setting. */
  async play(texts: readonly string[], times: number): Promise<JudgedEpisode[][]> {
    const scripts = texts.map((text) => parseScript('trial.race.yaml', text));
    const [first] = scripts;
    if (!first) return [];
    const { build, out, signal, quiet } = this.#options;
    const { stack } = await this.stackFor(first);
    const episodes = scripts.flatMap((script) => Array.from({ length: times }, () => script));
    const scenario = { ...scenarioOf(first, ONCE), dags: episodes.map((script, i) => dagOfScript(script, i + 1)) };
    const label = `${build.name} trial ${++this.#runs} of ${first.race.race}`;
    const progress = new Progress(label, episodes.length * USUAL_EPISODE_S, { quiet });
    try {
      const { folder, failure } = await recordRun({
        subject: { build },
        plan: { seed: SEED, scenario },
        out: path.join(out, `trial-${String(this.#runs).padStart(2, '0')}`),
        repeat: ['windtunnel', 'replay', `${slugOf(first)}.race.yaml`, '--build', build.name].map(shellWord).join(' '),
        progress: quietly(progress),
        signal,
        script: (stage) => playAll(stage, episodes, this.#patienceS),
        shared: { stack, settleMs: SETTLE_MS },
      });
      if (failure !== undefined) throw failure;
      signal.throwIfAborted();
      progress.phase('judging');
      const judged = await this.#judged(folder);
      return scripts.map((_, i) => judged.filter(({ episode }) => Math.floor((episode - 1) / times) === i));
    } finally {
      progress.stop();
    }
  }

  /** How long a step may take: most variants lack one that another waits for, and would be waited for in vain. */
  get #patienceS(): number {
    return this.#slowestS === undefined
      ? Infinity
      : Math.ceil(Math.max(SHORTEST_PATIENCE_S, PATIENCE * this.#slowestS));
  }

  async #judged(folder: string): Promise<readonly JudgedEpisode[]> {
    const run = await openRun(folder);
    try {
      const { episodes = [] } = await judge(run);
      // Of none there is no slowest step; episodes are counted from 1.
      const broken = [0, ...episodes.flatMap(({ episode, outcome }) => (outcome === 'broken' ? [episode] : []))];
      const sql = `SELECT max(ended_ms - began_ms) / 1000 AS s FROM steps WHERE episode IN (${broken.join()})`;
      const [slowest] = await run.rows(sql);
      if (typeof slowest?.s === 'number') this.#slowestS = Math.max(this.#slowestS ?? 0, slowest.s);
      return episodes;
    } finally {
      await run.close();
    }
  }

  async close(): Promise<void> {
    const warm = this.#warm;
    this.#warm = undefined;
    await warm?.stack.close();
  }
}

async function playAll(stage: Stage, scripts: readonly RaceScript[], patienceS: number): Promise<void> {
  for (const [i, script] of scripts.entries()) {
    if (stage.signal.aborted) return;
    const steps = script.steps.map((step) => ({ ...step, withinS: Math.min(step.withinS, patienceS) }));
    await new Episode(stage, episodeOf(script, { number: i + 1, kind: 'script', steps })).play();
  }
}
