import { randomBytes } from 'node:crypto';
import path from 'node:path';

import { deadlockOf } from '../../reports/deadlocks.ts';
import { howOftenPlayed, OUTCOME_WORDS, replayText } from '../../reports/terminal/replay.ts';
import { visible } from '../../reports/words.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { episodeCounts, slugOf } from '../director/director.ts';
import type { RaceFile } from '../director/race-file.ts';
import { parseScript, type RaceScript } from '../director/script.ts';
import { findingNamed } from '../judge/finding-named.ts';
import { judge } from '../judge/judge.ts';
import { openRun } from '../judge/open-run.ts';
import type { JudgedEpisode } from '../model/episode.ts';
import { UsageError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { playFile } from '../replay/play.ts';
import { datedFolderName } from '../run/manifest.ts';
import { writeNewFile } from '../run-folder/out.ts';
import { type Draft, draftsOf } from './draft.ts';
import { minimised, PROOFS } from './minimise.ts';
import { raceText } from './race-text.ts';
import type { WantedScript } from './resolve.ts';
import { NoScript, sliceOf } from './slice.ts';
import { type TrialOptions, Trials } from './trials.ts';

/** As many variants go into one run. */
const AT_ONCE = 12;

export interface MadeScript {
  /** A file was written, or a sketch printed. */
  readonly isDone: boolean;
  /** Why it ended early; undefined if it did not. */
  readonly failure: unknown;
}

/** From a finding to a race file that breaks each time. `say` gets lines for the terminal on the way. */
export async function makeScript(wanted: WantedScript, say: (line: string) => void): Promise<MadeScript> {
  try {
    const { finding, drafts } = await drafted(wanted);
    say(`${finding.id}  ${visible(finding.title)}: ${drafts.length} ${drafts.length === 1 ? 'draft' : 'drafts'}`);
    if (wanted.isSketch) {
      for (const { idea, file } of drafts) say(`\n# ${idea}\n${raceText(file).trimEnd()}`);
      return { isDone: true, failure: undefined };
    }
    await played(wanted, { finding, drafts, say });
    return { isDone: true, failure: undefined };
  } catch (error) {
    if (!(error instanceof NoScript)) return { isDone: false, failure: error };
    say(`no file: ${visible(error.message)}`);
    return { isDone: false, failure: undefined };
  }
}

/** What may have been the order of events. Throws NoScript. */
async function drafted({ run: folder, finding: id }: WantedScript): Promise<{ finding: Finding; drafts: Draft[] }> {
  const run = await openRun(folder);
  try {
    if (run.tables.find(({ name }) => name === 'statements')?.source === null) {
      throw new NoScript('slice: the run has no trace: make it again with `windtunnel run … --trace`');
    }
    const judgement = await judge(run);
    const finding = findingNamed(judgement, id);
    const deadlock = deadlockOf(finding, judgement.deadlocks);
    const drafts = draftsOf(await sliceOf(run, finding, deadlock));
    // A DAG may have names that no script can say.
    for (const { file } of drafts) scriptOf(file);
    return { finding, drafts };
  } finally {
    await run.close();
  }
}

interface Playing {
  readonly finding: Finding;
  readonly drafts: readonly Draft[];
  readonly say: (line: string) => void;
}

async function played(
  { build, times, run, ...wanted }: WantedScript,
  { finding, drafts, say }: Playing,
): Promise<void> {
  const id = randomBytes(3).toString('hex');
  const out = path.resolve(wanted.records ?? path.join('runs', datedFolderName('script', { build }, id)));
  const signal = interruptSignal();
  const options = { build, out, signal, quiet: false };
  const trials = new Trials(options);
  try {
    const broken = await firstThatBreaks(trials, drafts, say);
    const stillBreaks = async (files: readonly RaceFile[], each: number) => {
      const results: boolean[] = [];
      for (let i = 0; i < files.length; i += AT_ONCE) {
        const some = files.slice(i, i + AT_ONCE).map((file) => raceText(file));
        for (const episodes of await trials.play(some, each)) results.push(areBroken(episodes, each));
      }
      return results;
    };
    const smaller = await minimised(broken.file, stillBreaks, (left, gone) =>
      say(`smaller: ${left.script.length} steps, without ${gone.map(visible).join('; ')}`),
    );
    const { file, seconds } = await firstProven(trials, smaller, { ...options, times, say });
    const head = [
      `Made by \`windtunnel script\` from ${finding.fingerprint} of ${path.basename(run)}:`,
      `broken ${times} of ${times} on ${build.name}, ${seconds.toFixed(1)} s each.`,
    ];
    const target = wanted.out ?? `${slugOf(scriptOf(file))}.race.yaml`;
    writeNewFile(target, raceText(file, head.map(visible)));
    say(`file: ${path.resolve(target)}`);
  } finally {
    await trials.close();
  }
}

interface Proving extends TrialOptions {
  readonly times: number;
  readonly say: Playing['say'];
}

/** The smallest that breaks each time, with controls that hold: what broke three times of three may be luck. */
async function firstProven(
  trials: Trials,
  smaller: readonly RaceFile[],
  { build, out, signal, quiet, times, say }: Proving,
): Promise<{ readonly file: RaceFile; readonly seconds: number }> {
  const often = episodeCounts(times, false);
  const outcomes: string[] = [];
  for (const [i, file] of smaller.entries()) {
    const script = scriptOf(file);
    const { stack } = await trials.stackFor(script);
    const folder = path.join(out, `proof-${i + 1}`);
    const replayed = await playFile(script, stack, { build, often, out: folder, signal, quiet });
    signal.throwIfAborted();
    say(replayText({ build: build.name, outcome: replayed.outcome, files: [replayed] }, { color: false }));
    if (replayed.outcome === 'broken' && replayed.counts.broken === times)
      return { file, seconds: replayed.seconds ?? 0 };
    outcomes.push(`${OUTCOME_WORDS[replayed.outcome]}${howOftenPlayed(replayed)}`);
  }
  throw new NoScript(`proof: ${outcomes.join('; of the larger script: ')}`);
}

/** The first draft that breaks as often as it is to be believed. Throws NoScript, with what became of each. */
async function firstThatBreaks(trials: Trials, drafts: readonly Draft[], say: Playing['say']): Promise<Draft> {
  const outcomes: string[] = [];
  for (const draft of drafts) {
    const text = raceText(draft.file);
    const [first = []] = await trials.play([text], 1);
    const [more = []] = areBroken(first, 1) ? await trials.play([text], PROOFS - 1) : [];
    const episodes = [...first, ...more];
    const outcome = outcomeWords(episodes, draft.file);
    say(`draft: ${visible(draft.idea)}: ${visible(outcome)}`);
    if (areBroken(episodes, PROOFS)) return draft;
    outcomes.push(`${draft.idea}: ${outcome}`);
  }
  throw new NoScript(`play: no draft broke ${PROOFS} of ${PROOFS} times; ${outcomes.join('; ')}`);
}

function areBroken(episodes: readonly JudgedEpisode[], times: number): boolean {
  return episodes.length === times && episodes.every(({ outcome }) => outcome === 'broken');
}

function outcomeWords(episodes: readonly JudgedEpisode[], { script }: RaceFile): string {
  const broken = episodes.filter(({ outcome }) => outcome === 'broken').length;
  const other = episodes.find(({ outcome }) => outcome !== 'broken');
  if (!other) return `broken ${broken} of ${episodes.length}`;
  const { outcome, step, why, others } = other;
  const where = step === null ? '' : ` at "${String(script[step - 1])}"`;
  const beside = others.length > 0 ? `, but ${others.join(', ')} broke` : '';
  return `${outcome.replace('-', ' ')}${where}${why === null ? '' : `: ${why}`}${beside}`;
}

function scriptOf(file: RaceFile): RaceScript {
  const text = raceText(file);
  try {
    return parseScript('made.race.yaml', text);
  } catch (error) {
    if (error instanceof UsageError) throw new NoScript(`draft: ${error.message}`);
    throw error;
  }
}
