import pLimit from 'p-limit';

import type { Pair } from './compare.ts';
import type { Dialogue } from './dialogue.ts';
import { DIALOGUES } from './dialogues/index.ts';
import { playSequence } from './fuzz.ts';
import type { Sequence } from './fuzz-sequence.ts';
import type { Observations, Step } from './observation.ts';
import type { Recording } from './recording.ts';
import { Stage, type StageOptions } from './stage.ts';
import { Talk } from './talk.ts';

/** Each has rows of its own, so several may be played at a time: most of it is waiting for the disk. */
const AT_ONCE = 4;

/** A stage with a place for every dialogue, and for so many random sequences. */
export function openStage(options: Omit<StageOptions, 'shapes'>): Promise<Stage> {
  return Stage.open({ ...options, shapes: DIALOGUES.map(({ shape }) => shape) });
}

/** All dialogues, then these sequences, each at a place of its own. */
export async function playAll(stage: Stage, sequences: readonly Sequence[]): Promise<Recording> {
  const dialogues = await playDialogues(stage, DIALOGUES);
  const fuzz = await pLimit(AT_ONCE).map(sequences, (requests) => playSequence(stage, requests));
  const { build, identity } = stage.stack;
  return { release: build.replace('airflow@', ''), identity, dialogues, fuzz };
}

/** What each dialogue and each sequence saw on the one and on the other. */
export function pairsOf(airflow: Recording, reference: Recording): Pair[] {
  const names = [...new Set([...Object.keys(airflow.dialogues), ...Object.keys(reference.dialogues)])];
  return [
    ...names.map((dialogue) => ({
      dialogue,
      airflow: airflow.dialogues[dialogue] ?? [],
      reference: reference.dialogues[dialogue] ?? [],
    })),
    ...airflow.fuzz.map((steps, i) => ({
      dialogue: `fuzz ${i + 1}`,
      airflow: steps,
      reference: reference.fuzz[i] ?? [],
    })),
  ];
}

/** First the dialogues that need the scheduler, then the rest, without it. */
export async function playDialogues(stage: Stage, dialogues: readonly Dialogue[]): Promise<Observations> {
  const seen = new Map<string, readonly Step[]>();
  const play = async (dialogue: Dialogue) => {
    seen.set(dialogue.name, await playOne(stage, dialogue));
  };
  await Promise.all(dialogues.filter(({ scheduled }) => scheduled).map(play));
  await stage.endScheduling();
  await pLimit(AT_ONCE).map(
    dialogues.filter(({ scheduled }) => !scheduled),
    play,
  );
  return Object.fromEntries(dialogues.map(({ name }) => [name, seen.get(name) ?? []]));
}

async function playOne(stage: Stage, dialogue: Dialogue): Promise<readonly Step[]> {
  const talk = await Talk.at(stage, stage.take(dialogue.shape));
  try {
    await dialogue.play(talk);
  } catch (error) {
    // What was seen until then says why; the step makes the dialogue differ from a recording that went through.
    talk.note('broke off', 'outcomes', error instanceof Error ? error.message : String(error));
  }
  return talk.steps;
}
