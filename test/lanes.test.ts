import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

/** vitest.config.ts puts a test into a lane by the name of its file. */
const LANES = ['db', 'e2e', 'long', 'night'];
/** What a pure test has no business with. */
const STARTS_SERVERS =
  /\b(startPostgres|testDatabase|onApi|onSchedulers?|onTwoSchedulers|recordRun|chromium\.launch)\(|from '\.\/airflow\.ts'/;

const root = path.join(import.meta.dirname, '..');
const names = (await readdir(root, { recursive: true })).filter(
  (name) => /\.(test|spec)\.[cm]?[jt]sx?$/.test(name) && !/(^|\/)(node_modules|dist|runs)\//.test(name),
);

test('the name of every test file names a lane', () => {
  const lane = new RegExp(`^[a-z0-9-]+(\\.(${LANES.join('|')}))?\\.test\\.ts$`);
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !lane.test(path.basename(name)))).toEqual([]);
});

test('a pure test starts no server and no stack', async () => {
  const pure = names.filter((name) => /\/[a-z0-9-]+\.test\.ts$/.test(name));
  const texts = await Promise.all(pure.map((name) => readFile(path.join(root, name), 'utf8')));
  expect(pure.filter((name, i) => name !== 'test/lanes.test.ts' && STARTS_SERVERS.test(texts[i] ?? ''))).toEqual([]);
});
