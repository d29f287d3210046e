/**
 * Plays the dialogues of test/conformance against real releases and the reference stack, and says where they differ.
 *
 *     npm run conformance -- airflow@3.3.2 airflow@3.1.8        compares live; 1 is the exit code for a difference not listed
 *     npm run conformance -- airflow@3.3.2 --record             writes test/conformance/recorded/3.3.2.json anew
 *     npm run conformance -- airflow@3.3.2 --seed 7             random sequences of another seed, shrunk if they differ
 *
 * About a minute a release on two cores, one release at a time.
 */
import { parseArgs } from 'node:util';

import { type Comparison, compare, type Pair, sentence, unlisted } from '../test/conformance/compare.ts';
import { DIALOGUES } from '../test/conformance/dialogues/index.ts';
import {
  DEFAULT_SEED,
  drawSequences,
  findDifference,
  playSequence,
  SEQUENCES,
  SHRINKING,
} from '../test/conformance/fuzz.ts';
import type { Sequence } from '../test/conformance/fuzz-sequence.ts';
import type { Step } from '../test/conformance/observation.ts';
import { playDialogues } from '../test/conformance/play.ts';
import { type Recording, readSequences, writeRecording, writeSequences } from '../test/conformance/recording.ts';
import { Stage } from '../test/conformance/stage.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    record: { type: 'boolean', default: false },
    'new-sequences': { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
});
if (positionals.length === 0) throw new Error('name the builds to compare: airflow@3.3.2 …');
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));

if (values['new-sequences']) writeSequences(drawSequences(Number(values.seed ?? DEFAULT_SEED)));
const sequences = readSequences();
let failed = false;
if (values.record) {
  for (const build of positionals) writeRecording(await record(build, sequences));
} else {
  for (const build of positionals) failed = (await compareLive(build, sequences)) || failed;
}
process.exitCode = failed ? 1 : 0;

function open(build: string, places: number): Promise<Stage> {
  return Stage.open({
    build,
    shapes: DIALOGUES.map(({ shape }) => shape),
    sequences: places,
    signal: interrupt.signal,
    progress: (text) => console.error(`${build}: ${text}`),
  });
}

async function record(build: string, sequences: readonly Sequence[]): Promise<Recording> {
  const stage = await open(build, sequences.length);
  try {
    return await play(stage, sequences);
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage, sequences: readonly Sequence[]): Promise<Recording> {
  const dialogues = await playDialogues(stage, DIALOGUES);
  const fuzz: (readonly Step[])[] = [];
  for (const requests of sequences) fuzz.push(await playSequence(stage, requests));
  const { build, identity } = stage.stack;
  return { release: build.replace('airflow@', ''), identity, dialogues, fuzz };
}

/** True if there is a difference that is not listed. */
async function compareLive(build: string, sequences: readonly Sequence[]): Promise<boolean> {
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  const places = sequences.length + (seed === undefined ? 0 : SEQUENCES + SHRINKING);
  const reference = await open('reference', places);
  try {
    const ours = await play(reference, sequences);
    const airflow = await open(build, places);
    try {
      const theirs = await play(airflow, sequences);
      const comparison = compare(theirs.release, pairsOf(theirs, ours));
      report(comparison);
      const random = seed === undefined ? false : await explore([airflow, reference], theirs.release, seed);
      return unlisted(comparison).length > 0 || comparison.gone.length > 0 || random;
    } finally {
      await airflow.close();
    }
  } finally {
    await reference.close();
  }
}

function pairsOf(airflow: Recording, reference: Recording): Pair[] {
  return [
    ...Object.entries(airflow.dialogues).map(([dialogue, steps]) => ({
      dialogue,
      airflow: steps,
      reference: reference.dialogues[dialogue] ?? [],
    })),
    ...airflow.fuzz.map((steps, i) => ({
      dialogue: `fuzz ${i + 1}`,
      airflow: steps,
      reference: reference.fuzz[i] ?? [],
    })),
  ];
}

async function explore(stages: readonly [Stage, Stage], release: string, seed: number): Promise<boolean> {
  const found = await findDifference(stages, seed, (airflow, reference) => {
    const [first] = unlisted(compare(release, [{ dialogue: 'fuzz', airflow, reference }]));
    return first === undefined ? undefined : sentence(first);
  });
  if (found === undefined) {
    console.log(`${release}: ${SEQUENCES} random sequences of seed ${seed} agree`);
    return false;
  }
  console.log(`${release}: seed ${seed} finds, after ${found.shrinks} shrinks,\n  ${found.what}\nin`);
  for (const request of found.sequence) console.log(`  ${JSON.stringify(request)}`);
  return true;
}

function report(comparison: Comparison): void {
  const { release, dialogues, agreed, listed, gone } = comparison;
  const open = unlisted(comparison);
  for (const finding of open) console.log(`not listed: ${sentence(finding)}`);
  for (const { reason } of gone) console.log(`listed for ${release}, and not seen: ${reason}`);
  const differ = dialogues - agreed - listed;
  console.log(
    `${release}: ${dialogues} dialogues and sequences, ${agreed} agreed, ${listed} with listed differences, ${differ} with others`,
  );
}
