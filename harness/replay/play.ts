import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import { replayJunit } from '../../reports/junit.ts';
import { episodeLine } from '../../reports/terminal/replay.ts';
import { jsonText } from '../../reports/words.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { Progress } from '../console/progress.ts';
import { direct, episodesOf, type HowOften, slugOf } from '../director/director.ts';
import type { RaceScript } from '../director/script.ts';
import { openRun } from '../judge/open-run.ts';
import type { Build } from '../model/build.ts';
import type { JudgedEpisode, StepRow } from '../model/episode.ts';
import { type Replay, type ReplayedFile, replayOutcome, worstOf } from '../model/replay.ts';
import type { Stack } from '../model/stack.ts';
import type { Judgement } from '../model/verdict.ts';
import { judgeRunFolder } from '../run/judge-folder.ts';
import { datedFolderName } from '../run/manifest.ts';
import { recordRun } from '../run/run.ts';
import { writeNewFile } from '../run-folder/out.ts';
import { median } from '../statistics/statistics.ts';
import type { ReplayFlags } from './options.ts';
import { resolveReplay, scenarioOf, settingOf } from './resolve.ts';
import { openWarmStack, quietly, SEED, SETTLE_MS } from './warm-stack.ts';

/** For the live line. */
const USUAL_EPISODE_S = 6;

export interface PlayedReplay {
  readonly replay: Replay;
  /** Why it ended early; undefined if it did not. */
  readonly failure: unknown;
}

/** Plays files, those of one setting on one stack, each as a run that is judged. Rejects only for wrong flags. */
export async function playReplay(flags: ReplayFlags): Promise<PlayedReplay> {
  const { build, scripts, often } = await resolveReplay(flags);
  const id = randomBytes(3).toString('hex');
  const out = path.resolve(flags.out ?? path.join('runs', datedFolderName('replay', { build }, id)));
  const signal = interruptSignal();
  const files: ReplayedFile[] = [];
  let failure: unknown;
  try {
    for (const setting of new Set(scripts.map(settingOf))) {
      const its = scripts.filter((script) => settingOf(script) === setting);
      await playSetting(its, { build, often, out, signal, quiet: flags.json === true, files });
    }
  } catch (error) {
    failure = error;
  }
  if (signal.aborted) failure = signal.reason;
  const replay = replayOf(build, files);
  if (flags.junit !== undefined) writeNewFile(flags.junit, replayJunit(replay));
  return { replay, failure };
}

function replayOf(build: Build, files: readonly ReplayedFile[]): Replay {
  return { build: build.name, outcome: worstOf(files.map(({ outcome }) => outcome)), files };
}

export interface Playing {
  readonly build: Build;
  readonly often: HowOften;
  readonly out: string;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
  readonly files: ReplayedFile[];
}

async function playSetting(scripts: readonly RaceScript[], playing: Playing): Promise<void> {
  const { build, often, out, signal, files } = playing;
  const [first] = scripts;
  if (!first) return;
  const warm = await openWarmStack(scenarioOf(first, often), playing);
  try {
    for (const script of scripts) {
      signal.throwIfAborted();
      files.push(await playFile(script, warm.stack, playing));
      // After each: what ends in the middle keeps what it has.
      writeFileSync(path.join(out, 'replay.json'), `${jsonText(replayOf(build, files))}\n`);
    }
  } finally {
    await warm.close();
  }
}

/** Its episodes and their controls on a stack that is up. */
export async function playFile(
  script: RaceScript,
  stack: Stack,
  playing: Omit<Playing, 'files'>,
): Promise<ReplayedFile> {
  const { build, often, out, signal, quiet } = playing;
  const scenario = scenarioOf(script, often);
  const progress = new Progress(`${build.name} ${script.race.race}`, episodesOf(often) * USUAL_EPISODE_S, { quiet });
  const words = ['windtunnel', 'replay', script.file, '--build', build.name, ...timesFlags(often)];
  const subject = { build };
  try {
    const { folder, failure } = await recordRun({
      subject,
      plan: { seed: SEED, scenario },
      out: path.join(out, slugOf(script)),
      repeat: words.map(shellWord).join(' '),
      progress: quietly(progress),
      signal,
      script: (stage) => {
        writeFileSync(path.join(out, slugOf(script), 'script.race.yaml'), script.text);
        return direct(stage, script, { often, onEpisode: (row) => progress.note(episodeLine(row, often.script)) });
      },
      shared: { stack, settleMs: SETTLE_MS },
    });
    progress.phase('judging');
    const judgement = await judgeRunFolder(folder);
    if (failure !== undefined) throw failure;
    return await replayed(script, often, judgement, folder);
  } finally {
    progress.stop();
  }
}

async function replayed(
  script: RaceScript,
  often: HowOften,
  judgement: Judgement,
  folder: string,
): Promise<ReplayedFile> {
  const { race, title } = script.race;
  const episodes = judgement.episodes ?? [];
  const played = episodes.filter(({ kind }) => kind === 'script');
  const outcome = replayOutcome(episodes);
  const shown = played.find((one) => one.outcome === outcome) ?? played[0] ?? episodes[0];
  const kinds = [...new Set(episodes.flatMap(({ kind }) => (kind === 'script' ? [] : [kind])))];
  return {
    race,
    title,
    file: script.file,
    build: judgement.build,
    outcome,
    counts: countsOf(played),
    times: played.length,
    wanted: often.script,
    controls: kinds.map((kind) => {
      const its = episodes.filter((one) => one.kind === kind);
      return { kind, times: its.length, broken: its.filter((one) => one.outcome === 'broken').length };
    }),
    seconds: median(played.map(({ seconds }) => seconds)),
    why: shown?.violations[0]?.sentence ?? shown?.why ?? null,
    steps: shown ? await readSteps(folder, shown.episode) : [],
    others: [...new Set(played.flatMap(({ others }) => others))].sort(),
    run: folder,
  };
}

function timesFlags({ script, controls }: HowOften): string[] {
  return script === 0 ? ['--times', String(controls), '--control'] : ['--times', String(script)];
}

function countsOf(played: readonly JudgedEpisode[]): ReplayedFile['counts'] {
  const counts: Partial<Record<JudgedEpisode['outcome'], number>> = {};
  for (const { outcome } of played) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

async function readSteps(folder: string, episode: number): Promise<StepRow[]> {
  const run = await openRun(folder);
  try {
    const rows = await run.rows(`FROM steps WHERE episode = ${episode} ORDER BY step`);
    return rows as unknown as StepRow[];
  } finally {
    await run.close();
  }
}
