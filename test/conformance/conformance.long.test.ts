import { readFileSync } from 'node:fs';
import path from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { whyNoAirflow } from '../airflow.ts';
import { compare, sentence, unlisted } from './compare.ts';
import type { Dialogue } from './dialogue.ts';
import { DIALOGUES } from './dialogues/index.ts';
import { withFigures } from './document.ts';
import type { Observations } from './observation.ts';
import { openStage, pairsOf, playAll, playDialogues } from './play.ts';
import { RELEASES, type Recording, readRecording, readSequences } from './recording.ts';
import { Stage } from './stage.ts';

/** The reference stack answers as Airflow does: what is not listed in differences/ is a failure. */

const DOCUMENT = path.join(import.meta.dirname, '..', '..', 'docs', 'conformance.md');
const NEWEST = '3.3.2';
/** Seconds on an idle machine; on a busy one its waiting grows. */
const PLAY_MS = 180_000;
const LIVE_MS = 480_000;

const sequences = readSequences();
let reference: Recording;

beforeAll(async () => {
  reference = await playOn('reference');
}, PLAY_MS);

async function playSome(build: string, dialogues: readonly Dialogue[]): Promise<Observations> {
  const shapes = dialogues.map(({ shape }) => shape);
  const signal = AbortSignal.timeout(PLAY_MS);
  const stage = await Stage.open({ build, shapes, sequences: 0, signal, progress: () => undefined });
  try {
    return await playDialogues(stage, dialogues);
  } finally {
    await stage.close();
  }
}

async function playOn(build: string): Promise<Recording> {
  const signal = AbortSignal.timeout(LIVE_MS);
  const stage = await openStage({ build, sequences: sequences.length, signal, progress: () => undefined });
  try {
    return await playAll(stage, sequences);
  } finally {
    await stage.close();
  }
}

describe('the reference stack and what is recorded of the releases', () => {
  test.each(RELEASES)('%s: no difference that is not listed', (release) => {
    const comparison = compare(release, pairsOf(readRecording(release), reference));
    expect(unlisted(comparison).map(sentence)).toEqual([]);
  });

  test.each(RELEASES)('%s: every listed difference is seen', (release) => {
    const { gone } = compare(release, pairsOf(readRecording(release), reference));
    expect(gone.map(({ difference, place }) => ({ airflow: difference.airflow, place }))).toEqual([]);
  });

  test('every recording holds every dialogue and every sequence, to its end', () => {
    const names = DIALOGUES.map(({ name }) => name).sort();
    expect(new Set(names).size).toBe(names.length);
    for (const release of RELEASES) {
      const { dialogues, fuzz } = readRecording(release);
      expect(Object.keys(dialogues).sort()).toEqual(names);
      expect(fuzz).toHaveLength(sequences.length);
      expect(JSON.stringify(dialogues)).not.toContain('broke off');
    }
  });

  test('of the newest release nearly nothing is listed', () => {
    const { findings } = compare(NEWEST, pairsOf(readRecording(NEWEST), reference));
    expect(new Set(findings.map(({ listed }) => listed?.difference)).size).toBeLessThanOrEqual(2);
  });

  test('docs/conformance.md has these figures: npm run conformance -- --docs writes them', () => {
    const comparisons = RELEASES.map((release) => compare(release, pairsOf(readRecording(release), reference)));
    const document = readFileSync(DOCUMENT, 'utf8');
    expect(document).toBe(withFigures(document, comparisons));
  });
});

test('a planted defect shows: the reference stack then answers as the release that had it', {
  timeout: PLAY_MS,
}, async () => {
  const about = DIALOGUES.filter(({ name }) => name.startsWith('skip/') || name === 'rtif/two at once');
  const seen = await playSome('reference+skip-unguarded+rtif-merge', about);
  const against = (release: string) => {
    const { dialogues } = readRecording(release);
    return about.map(({ name }) => ({ dialogue: name, airflow: dialogues[name] ?? [], reference: seen[name] ?? [] }));
  };
  const paths = (release: string) => compare(release, against(release)).findings.map(({ path }) => path);
  expect(paths('3.3.2')).toContain('running.state');
  expect(paths('3.3.2')).toContain('outcome 201 + 409 Unique constraint violation, one row');
  expect(paths('3.1.8')).not.toContain('running.state');
});

const why = await whyNoAirflow();

// The recordings of four releases are compared with the reference stack in every run.
describe.skipIf(why !== undefined)('on the real Airflow', () => {
  test(`${NEWEST} still does what is recorded of it`, { timeout: LIVE_MS }, async () => {
    const live = await playOn(`airflow@${NEWEST}`);
    expect(unlisted(compare(NEWEST, pairsOf(live, reference))).map(sentence)).toEqual([]);
    // How a race ends is not the same every time; the comparison above has looked whether each end is allowed.
    const settled = pairsOf(live, readRecording(NEWEST)).map(({ dialogue, airflow, reference: recorded }) => ({
      dialogue,
      airflow: airflow.filter(({ route }) => route !== 'outcomes'),
      reference: recorded.filter(({ route }) => route !== 'outcomes'),
    }));
    expect(compare(NEWEST, settled, []).findings.map(sentence)).toEqual([]);
  });
});
