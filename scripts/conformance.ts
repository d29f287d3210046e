/**
 * Plays the dialogues of test/conformance against real releases and the reference stack, and says where they differ.
 *
 *     npm run conformance                                   the reference stack, against what is recorded of four releases
 *     npm run conformance -- --docs                         … and writes the figures of docs/conformance.md
 *     npm run conformance -- airflow@3.3.2 airflow@3.1.8    live, one release at a time
 *     npm run conformance -- airflow@3.3.2 --seed 7         and random sequences of that seed, shrunk if they differ
 *     npm run conformance -- airflow@3.3.2 --record         replaces test/conformance/recorded/3.3.2.json
 *
 * A difference that is not listed, or one that is and no longer seen, makes the exit code 1. About a minute a release.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { type Comparison, compare, sentence, type Tally, tallyOf, unlisted } from '../test/conformance/compare.ts';
import { withFigures } from '../test/conformance/document.ts';
import { DEFAULT_SEED, drawSequences, findDifference, SEQUENCES, SHRINKING } from '../test/conformance/fuzz.ts';
import { openStage, pairsOf, playAll } from '../test/conformance/play.ts';
import {
  RELEASES,
  type Recording,
  readRecording,
  readSequences,
  writeRecording,
  writeSequences,
} from '../test/conformance/recording.ts';
import type { Stage } from '../test/conformance/stage.ts';
import { flagsOf } from './flags.ts';

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    record: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    /** New random sequences to keep: then every release must be recorded again. */
    'new-sequences': { type: 'boolean', default: false },
    seed: { type: 'string' },
    /** How many random sequences `--seed` draws; with more than 150 the executor's 1024 slots would be full of them. */
    sequences: { type: 'string', default: String(SEQUENCES) },
  },
});
const interrupt = new AbortController();
const drawn = Number(values.sequences);
/** So many that are drawn, and what making one shorter may use up. */
const RANDOM_PLACES = drawn + SHRINKING;
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));

if (values['new-sequences']) writeSequences(drawSequences(Number(values.seed ?? DEFAULT_SEED)));
const sequences = readSequences();
const seed = values.seed === undefined ? undefined : Number(values.seed);
if (values.record) {
  for (const build of positionals) writeRecording(await withStage(build, sequences.length, playKept));
} else {
  // Random sequences need task instances of the reference stack for each build.
  const places = sequences.length + (seed === undefined ? 0 : positionals.length * RANDOM_PLACES);
  const failed = await withStage('reference', places, positionals.length === 0 ? compareRecorded : compareAll);
  process.exitCode = failed ? 1 : 0;
}

function playKept(stage: Stage): Promise<Recording> {
  return playAll(stage, sequences);
}

/** The reference stack against what is recorded: in seconds, and without Python. */
async function compareRecorded(reference: Stage): Promise<boolean> {
  const ours = await playKept(reference);
  const comparisons = RELEASES.map((release) => compare(release, pairsOf(readRecording(release), ours)));
  for (const comparison of comparisons) report(comparison);
  if (values.docs) {
    const file = path.join(import.meta.dirname, '..', 'docs', 'conformance.md');
    writeFileSync(file, withFigures(readFileSync(file, 'utf8'), comparisons));
  }
  return comparisons.some(differs);
}

/** Whether there is a difference that is not listed, or one that is listed and not there. */
function differs(comparison: Comparison): boolean {
  return unlisted(comparison).length > 0 || comparison.gone.length > 0;
}

/** True if any build differs in a way that is not listed, or no longer in one that is. */
async function compareAll(reference: Stage): Promise<boolean> {
  const ours = await playKept(reference);
  let failed = false;
  for (const build of positionals) {
    const places = sequences.length + (seed === undefined ? 0 : RANDOM_PLACES);
    const apart = await withStage(build, places, async (airflow) => {
      const theirs = await playKept(airflow);
      const comparison = compare(theirs.release, pairsOf(theirs, ours));
      report(comparison);
      const random = seed !== undefined && (await explore([airflow, reference], theirs.release, seed));
      return differs(comparison) || random;
    });
    failed ||= apart;
  }
  return failed;
}

async function withStage<T>(build: string, places: number, use: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = await openStage({
    build,
    sequences: places,
    signal: interrupt.signal,
    progress: (text) => console.error(`${build}: ${text}`),
  });
  try {
    return await use(stage);
  } finally {
    await stage.close();
  }
}

async function explore(stages: readonly [Stage, Stage], release: string, seed: number): Promise<boolean> {
  const found = await findDifference(stages, { seed, sequences: drawn }, (airflow, reference) => {
    const [first] = unlisted(compare(release, [{ dialogue: 'fuzz', airflow, reference }]));
    return first === undefined ? undefined : sentence(first);
  });
  if (found === undefined) {
    console.log(`${release}: ${drawn} random sequences of seed ${seed} agree`);
    return false;
  }
  console.log(`${release}: seed ${seed} finds\n  ${found.what}\nin`);
  for (const request of found.sequence) console.log(`  ${JSON.stringify(request)}`);
  return true;
}

function report(comparison: Comparison): void {
  const { release, gone } = comparison;
  for (const finding of unlisted(comparison)) console.log(`not listed: ${sentence(finding)}`);
  for (const { difference, place } of gone)
    console.log(`listed for ${release}, and not seen: it ${difference.airflow} (${JSON.stringify(place)})`);
  const { dialogues, sequences } = tallyOf(comparison);
  const inWords = ({ all, agreed, listed, others }: Tally) =>
    `${all}, of which ${agreed} agree, ${listed} differ as listed, ${others} differ`;
  console.log(`${release}: dialogues ${inWords(dialogues)}; random sequences ${inWords(sequences)}`);
}
