import { readFile } from 'node:fs/promises';

import { expect, test } from 'vitest';

import { chosenDefects } from '../../reference/defects/index.ts';
import { listInvariants } from '../judge/invariants.ts';
import { parseBuild } from '../model/build.ts';
import { SCENARIOS } from '../run/catalogue.ts';
import { judgeLiteral } from '../testing/judge-literal.ts';
import { KNOWN_RACES, knownRace, raceOfDefect } from './index.ts';

const marks = KNOWN_RACES.flatMap(({ name, marks: all }) =>
  all.flatMap(({ invariant, variants }) => (variants ?? []).map((variant) => ({ race: name, invariant, variant }))),
);

/**
 * What the SQL of an invariant can say as a variant: a string, a template with holes, and either of these with a string
 * appended that begins with a comma.
 */
function emittedBy(sql: string): RegExp {
  const code = sql.replaceAll(/^\s*--.*$/gm, '');
  const literals = [...code.matchAll(/'((?:[^'\n]|'')+)'/g)].map(([, text = '']) => text);
  const pattern = (text: string) => text.split('{}').map(literally).join('[^,]+');
  const whole = literals.filter((text) => /[a-z→]/.test(text.replaceAll('{}', ''))).map(pattern);
  const appended = literals.filter((text) => text.startsWith(', ')).map((text) => `[a-z_]+( \\d{3})?${pattern(text)}`);
  return new RegExp(`^(${[...whole, ...appended].join('|')})$`);
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

test('every variant that a race names is one that its invariant emits', async () => {
  const unknown: string[] = [];
  for (const { race, invariant, variant } of marks) {
    const sql = await readFile(new URL(`../invariants/${invariant}.sql`, import.meta.url), 'utf8');
    if (!emittedBy(sql).test(variant)) unknown.push(`${race}: ${invariant} does not emit "${variant}"`);
  }
  expect(unknown).toEqual([]);
});

test('a variant that no SQL emits is noticed', () => {
  const sql = `-- 'in a comment'\nSELECT CASE WHEN x THEN 'late' ELSE format('{}: {} → {}', a, b, c) || ', again' END`;
  const emits = (variant: string) => emittedBy(sql).test(variant);
  expect(['late', 'scheduler: queued → skipped', 'scheduler, again', 'clear 500, again'].filter(emits)).toHaveLength(4);
  expect(['in a comment', 'later', 'scheduler: queued', 'again'].filter(emits)).toEqual([]);
});

// A template alone does not show which of its values are violations.
const CHANGES = 'tasks-change-as-allowed';
// What needs a longer story is in the test of the invariant.
const TEMPLATE = /^([a-z-]+): (\w+) → (\w+)$/;
const byTemplate = marks.filter(({ invariant, variant }) => invariant === CHANGES && TEMPLATE.test(variant));
test.each(byTemplate)('$race: $variant is a violation', async (mark) => {
  const [, writer, from, to] = TEMPLATE.exec(mark.variant) ?? [];
  const change = (number: number, state: string | undefined, role: string | undefined) => ({
    state,
    writer: `wt-${role}-1`,
    change: number === 1 ? 'insert' : 'update',
    committed_ms: 1_000 * number,
    statement: 'UPDATE task_instance SET state = 1',
  });
  const { variants } = await judgeLiteral(CHANGES, { commits: [change(1, from, ''), change(2, to, writer)] });
  expect(variants).toEqual({ [mark.variant]: 1 });
});

test('a variant belongs to one race at most', () => {
  const seen = new Map<string, string>();
  for (const { race, invariant, variant } of marks) {
    const key = `${invariant} · ${variant}`;
    expect(seen.get(key), key).toBeUndefined();
    seen.set(key, race);
    expect(knownRace(invariant, variant)?.name).toBe(race);
  }
});

test('the invariants, scenarios, builds and defects that a race names exist', async () => {
  const invariants = new Set((await listInvariants()).map(({ name }) => name));
  const scenarios = new Set(SCENARIOS.map(({ name }) => name));
  expect(new Set(KNOWN_RACES.map(({ name }) => name)).size).toBe(KNOWN_RACES.length);
  for (const { name, marks: all, trial, reference, related } of KNOWN_RACES) {
    expect(
      all.filter(({ invariant }) => !invariants.has(invariant)),
      name,
    ).toEqual([]);
    const named = trial ? [trial.scenario.name, ...(trial.also ?? [])] : [];
    expect(
      named.filter((scenario) => !scenarios.has(scenario)),
      name,
    ).toEqual([]);
    for (const build of [...(trial?.has ?? []), trial?.has_not ?? null, reference])
      if (build !== null) expect(() => parseBuild(build), name).not.toThrow();
    const defects = [...(reference?.split('+').slice(1) ?? []), ...(related ?? [])];
    expect(() => chosenDefects(defects), name).not.toThrow();
    for (const defect of defects) expect(raceOfDefect(defect)?.name).toBe(name);
  }
});

test('the issue that an invariant names as known is a known race', async () => {
  const races = new Set(KNOWN_RACES.map(({ name }) => name));
  const issues = (await listInvariants()).flatMap(({ known_issues }) => known_issues);
  expect(issues.length).toBeGreaterThan(5);
  expect(issues.filter((issue) => !races.has(issue))).toEqual([]);
});
