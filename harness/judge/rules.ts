import { createHash } from 'node:crypto';

import { KNOWN_RACES } from '../races/index.ts';
import { readAssumptions } from './assumptions.ts';
import { readInvariants } from './invariants.ts';
import { readViewFiles } from './views.ts';

const DIGITS = 12;

let rules: Promise<string> | undefined;

/**
 * What all that decides a verdict and its findings comes to, beside the record: a hash of the invariants, assumptions,
 * views and known races that ship. A verdict with another one may be another today. Worked out once a process.
 */
export function shippedRules(): Promise<string> {
  rules ??= hashOfRules();
  return rules;
}

async function hashOfRules(): Promise<string> {
  const files = [...(await readInvariants()), ...(await readAssumptions())];
  const parts = [
    files.map(({ name, header, sections }) => [name, header, sections]),
    (await readViewFiles()).map(({ name, sql }) => [name, sql]),
    KNOWN_RACES.map(({ name, title, marks }) => [name, title, marks]),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, DIGITS);
}
