import type { EpisodeRow, ReplayOutcome, StepRow } from '../../harness/model/episode.ts';
import type { Replay, ReplayedFile } from '../../harness/model/replay.ts';
import { lines, shorten, visible } from '../words.ts';
import { paintFor, type TextOptions } from './screen.ts';

const WIDTH = 110;
const [TIME, WHO, WHAT] = [8, 22, 52];

export const OUTCOME_WORDS: Readonly<Record<ReplayOutcome, string>> = {
  broken: 'broken',
  held: 'held',
  excluded: 'excluded',
  'not-reached': 'not reached',
  'by-the-hold': 'by the hold',
};

/** An episode that has just been played, as one line above the live one. Whether it broke anything is judged later. */
export function episodeLine({ episode, kind, ended, from_ms, to_ms, why }: EpisodeRow, times: number): string {
  const name = kind === 'script' ? `${episode} of ${times}` : `control ${kind.replaceAll('-', ' ')}`;
  const how = ended === 'played' ? 'order came about' : ended.replace('-', ' ');
  const because = why === null ? '' : `: ${visible(why)}`;
  return shorten(`${name}: ${how}, ${seconds((to_ms - from_ms) / 1000)}${because}`, 300);
}

/** What `windtunnel replay` prints at its end: of each file the outcome, and one of its episodes step by step. */
export function replayText({ files }: Replay, options: TextOptions): string {
  return files.map((file) => fileText(file, options)).join('\n\n');
}

function fileText(file: ReplayedFile, options: TextOptions): string {
  const paint = paintFor(options);
  const { race, build, outcome, why, steps, others, run } = file;
  const word = outcome === 'broken' ? paint.red(OUTCOME_WORDS[outcome]) : OUTCOME_WORDS[outcome];
  const head = `${visible(race)}  ${visible(build)}  ${word}${howOftenPlayed(file)}`;
  const from = steps[0]?.began_ms ?? 0;
  return [
    head,
    ...steps.map((step) => stepLine(step, from)),
    ...(why === null ? [] : lines(`${OUTCOME_WORDS[outcome]}: ${visible(why)}`, WIDTH)),
    ...(others.length > 0 ? [`also violated in its episodes: ${others.map(visible).join(', ')}`] : []),
    `record: ${visible(run)}`,
  ].join('\n');
}

/** ` 20 of 20, 6.1 s each (controls broken: without holds 0 of 3)`; ` 9 of 9, 20 wanted, …` of an interrupted one. */
export function howOftenPlayed({ outcome, counts, times, wanted, seconds: each, controls }: ReplayedFile): string {
  const own = outcome === 'by-the-hold' ? 'broken' : outcome;
  const rest = Object.entries(counts).filter(([name]) => name !== own);
  const other = rest.map(([name, count]) => `, ${name.replace('-', ' ')} ${count}`).join('');
  const time = each === null ? '' : `, ${seconds(each)} each`;
  const said = controls.map(({ kind, broken, times: of }) => `${kind.replaceAll('-', ' ')} ${broken} of ${of}`);
  const isCut = times < wanted;
  const none = isCut ? ' (no controls were played)' : '';
  const beside = said.length > 0 ? ` (controls broken: ${said.join(', ')})` : none;
  const cut = isCut ? `, ${wanted} wanted` : '';
  return times === 0 ? `${cut}${beside}` : ` ${counts[own] ?? 0} of ${times}${cut}${other}${time}${beside}`;
}

function stepLine({ began_ms, ended_ms, text, process, pid, result, statement }: StepRow, from: number): string {
  const at = `${((began_ms - from) / 1000).toFixed(2)} s`.padStart(TIME);
  const waited = ended_ms - began_ms >= 100 ? ` (${Math.round(ended_ms - began_ms)} ms)` : '';
  const who = process === null ? '' : `${process}${pid === null ? '' : ` ${pid}`}`;
  const came = [result, statement === null ? null : visible(statement).replace(/ +/g, ' ')].filter(
    (one) => one !== null,
  );
  const line = `${at}  ${cell(visible(text), WHAT)}  ${cell(visible(who), WHO)}  ${visible(came.join(': '))}${waited}`;
  return shorten(line.trimEnd(), 160);
}

function cell(text: string, width: number): string {
  return shorten(text, width).padEnd(width);
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}
