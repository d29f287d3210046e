import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { COPIED_NAMES, WATCHED_NAMES, watchedColumns } from '../model/airflow/schema.ts';
import { readInvariants } from './invariants.ts';
import { readViewFiles } from './views.ts';

const page = readFileSync(new URL('../../docs/judged.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name = '', rest = '']) => ({
  name,
  cells: rest.split(' | '),
}));
const wordsIn = (text = '') => [...text.matchAll(/`([\w-]+)`/g)].map(([, word = '']) => word);

test('docs/judged.md has each recorded column once', () => {
  const listed = rows
    .filter(({ name }) => !name.startsWith('final_'))
    .flatMap(({ name, cells: [columns] }) => wordsIn(columns).map((column) => `${name}.${column}`));
  const recorded = WATCHED_NAMES.flatMap((name) => watchedColumns(name).map((column) => `${name}.${column}`));
  expect(listed.toSorted()).toEqual(recorded.toSorted());
});

test('and each copied table once', () => {
  const listed = rows.map(({ name }) => name).filter((name) => name.startsWith('final_'));
  expect(listed.toSorted()).toEqual(COPIED_NAMES.map((name) => `final_${name}`).toSorted());
});

test('the invariants that it names read that table, and where it names none it says why', async () => {
  const invariants = new Map(
    (await readInvariants()).map((file) => [file.name, Object.values(file.sections).join('\n')]),
  );
  const views = await readViewFiles();
  // With the views that it reads, and those that they read.
  const whole = (sql: string) => {
    let text = sql;
    for (const view of views.toReversed()) {
      if ([...view.creates.keys()].some((name) => new RegExp(`\\b${name}\\b`).test(text))) text += view.sql;
    }
    return text;
  };
  const wrong = rows.flatMap(({ name, cells }) => {
    const said = cells.at(-1) ?? '';
    const named = wordsIn(said).filter((word) => word.includes('-'));
    if (said.startsWith('nothing')) return named.filter((invariant) => !invariants.has(invariant));
    if (named.length === 0) return [`${name}: ${said}`];
    const columns = name.startsWith('final_') ? [name] : wordsIn(cells[0]);
    return named.flatMap((invariant) => {
      const sql = invariants.get(invariant);
      if (sql === undefined) return [`${name}: there is no invariant ${invariant}`];
      return columns.some((column) => new RegExp(`\\b${column}\\b`).test(whole(sql)))
        ? []
        : [`${name}: ${invariant} reads none of ${columns}`];
    });
  });
  expect(wrong).toEqual([]);
});
