import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { entryProblems, KEPT_ROUTES, routesMarkdown } from './routes/page.ts';

const kept = KEPT_ROUTES.parse(JSON.parse(readFileSync(new URL('../records/routes.json', import.meta.url), 'utf8')));

test('each route of a release has an entry that says who plays it', () => {
  expect(entryProblems(kept)).toEqual([]);
});

test('a route that a release gains, or that no release has any more, is noticed', () => {
  const [first, ...others] = kept;
  if (!first) throw new Error('no release is kept');
  const gained = [{ ...first, execution: [...first.execution, 'GET /new'] }, ...others];
  expect(entryProblems(gained)).toEqual(['GET /new has no entry: who plays it?']);
  const without = kept.map((release) => ({
    ...release,
    public: release.public.filter((one) => !one.endsWith('/version')),
  }));
  expect(entryProblems(without)).toEqual(['no release has GET /api/v2/version']);
});

test('docs/routes.md is made of the kept routes: npm run routes -- --kept writes it', () => {
  expect(readFileSync(new URL('../docs/routes.md', import.meta.url), 'utf8')).toBe(routesMarkdown(kept));
});
