import { expect, test } from 'vitest';

import {
  BANNED,
  countWords,
  exporters,
  lowered,
  placesOf,
  readLimits,
  sourceTexts,
  wideProse,
  wordingOf,
} from './words.ts';

const sources = sourceTexts();
const now = wordingOf(sources);
const limits = readLimits();

test('banned words become fewer', () => {
  const risen = Object.entries(now.words)
    .filter(([word, count]) => count > (limits.words[word] ?? 0))
    .map(([word, count]) => ({
      word,
      count,
      limit: limits.words[word] ?? 0,
      instead: BANNED[word],
      places: placesOf(word, sources).slice(0, 12),
    }));
  expect(risen).toEqual([]);
});

test('lines over 120 columns become fewer', () => {
  const risen = Object.entries(now.wide).filter(([kind, count]) => count > (limits.wide[kind] ?? 0));
  expect(risen).toEqual([]);
});

test('no two files export a type or a function of the same name, but for the known ones', () => {
  const names = exporters(sources);
  const added = now.duplicates.filter((name) => !limits.duplicates.includes(name));
  expect(added.map((name) => ({ name, files: names.get(name) }))).toEqual([]);
});

test('a banned word is found in a name, in prose and in the title of a test, and JavaScript is none', () => {
  const text = "import { readFile } from 'node:fs/promises';\nconst calledOff: Promise<Deed> = await told_by(x);\n";
  const counts = countWords({ file: 'a.ts', text: `${text}test('it was called off, the promise told');\n` });
  expect(counts).toMatchObject({ 'called off': 2, deed: 1, told: 2, promise: 1, promises: 0 });
});

test('prose is measured without code, tables and addresses', () => {
  const wide = 'word '.repeat(30);
  const link = `see [the page](https://example.org/${'x'.repeat(150)})`;
  expect(wideProse(['# Title', '```', wide, '```', `| ${wide} |`, link, wide, ''].join('\n'))).toEqual([wide]);
});

test('a limit is only ever lowered', () => {
  const old = { words: { deed: 3, told: 1 }, wide: { sql: 2 }, duplicates: ['Told', 'Row'] };
  const found = { words: { deed: 2, told: 5 }, wide: { sql: 4 }, duplicates: ['Row', 'Answer'] };
  expect(lowered(old, found)).toEqual({
    words: { deed: 2, told: 1 },
    wide: { sql: 2 },
    duplicates: ['Row'],
  });
});
