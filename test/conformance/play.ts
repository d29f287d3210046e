import type { Dialogue } from './dialogue.ts';
import type { Observations, Step } from './observation.ts';
import type { Stage } from './stage.ts';
import { Talk } from './talk.ts';

/** Plays all dialogues: first those that need the scheduler, at the same time, then the rest in turn without it. */
export async function playDialogues(stage: Stage, dialogues: readonly Dialogue[]): Promise<Observations> {
  const seen = new Map<string, readonly Step[]>();
  const play = async (dialogue: Dialogue) => {
    seen.set(dialogue.name, await playOne(stage, dialogue));
  };
  await Promise.all(dialogues.filter(({ scheduled }) => scheduled).map(play));
  await stage.endScheduling();
  for (const dialogue of dialogues.filter(({ scheduled }) => !scheduled)) await play(dialogue);
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
