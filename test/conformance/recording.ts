import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Sequence } from './fuzz-sequence.ts';
import type { Observations, Step } from './observation.ts';

export const RELEASES = ['3.1.8', '3.2.1', '3.2.2', '3.3.2'] as const;

/** What one real release was seen to do. */
export interface Recording {
  readonly release: string;
  /** Versions, as the stack reports them. */
  readonly identity: Readonly<Record<string, string>>;
  readonly dialogues: Observations;
  /** For each sequence of `sequences.json`, in its order, what its steps saw. */
  readonly fuzz: readonly (readonly Step[])[];
}

const FOLDER = path.join(import.meta.dirname, 'recorded');
const SEQUENCES = path.join(FOLDER, 'sequences.json');

export function readRecording(release: string): Recording {
  return JSON.parse(readFileSync(path.join(FOLDER, `${release}.json`), 'utf8')) as Recording;
}

/** One dialogue or sequence a line: a new recording's diff shows which of them changed. */
export function writeRecording({ release, identity, dialogues, fuzz }: Recording): void {
  const named = Object.entries(dialogues)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, steps]) => `${JSON.stringify(name)}: ${JSON.stringify(steps)}`);
  const text = [
    '{',
    `"release": ${JSON.stringify(release)},`,
    `"identity": ${JSON.stringify(identity)},`,
    `"dialogues": {\n${named.join(',\n')}\n},`,
    `"fuzz": [\n${fuzz.map((steps) => JSON.stringify(steps)).join(',\n')}\n]`,
    '}\n',
  ];
  writeFileSync(path.join(FOLDER, `${release}.json`), text.join('\n'));
}

/** The sequences that all recordings hold the answers to. */
export function readSequences(): readonly Sequence[] {
  return JSON.parse(readFileSync(SEQUENCES, 'utf8')) as Sequence[];
}

export function writeSequences(sequences: readonly Sequence[]): void {
  writeFileSync(SEQUENCES, `[\n${sequences.map((sequence) => JSON.stringify(sequence)).join(',\n')}\n]\n`);
}
