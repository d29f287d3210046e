import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { literalManifest } from '../harness/testing/literal-run.ts';
import { isStored } from './judged-run.ts';

const folder = (ended: 'completed' | 'interrupted' | null, files: readonly string[]): string => {
  const made = mkdtempSync(path.join(tmpdir(), 'wt-judged-run-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  for (const file of files) writeFileSync(path.join(made, file), JSON.stringify({ ...literalManifest({}), ended }));
  return made;
};

test('a series of runs takes a stored run for made only if it was played to its end', () => {
  const both = ['manifest.json', 'verdict.json'];
  expect(isStored(folder('completed', both))).toBe(true);
  expect(isStored(folder('interrupted', both))).toBe(false);
  expect(isStored(folder(null, both))).toBe(false);
  expect(isStored(folder('completed', ['manifest.json']))).toBe(false);
});
