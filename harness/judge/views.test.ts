import { expect, test } from 'vitest';

import { TABLE_NAMES } from '../model/tables.ts';
import { readViewFiles } from './views.ts';

test('what the views make, also what they drop again, has no name of a recorded table', async () => {
  const made = (await readViewFiles()).flatMap(({ name, sql }) =>
    [...sql.matchAll(/^CREATE (?:OR REPLACE )?(?:TEMP )?(?:VIEW|TABLE) (\w+)/gm)].map(([, object = '']) => ({
      name,
      object,
    })),
  );
  expect(made.length).toBeGreaterThan(30);
  const recorded: readonly string[] = TABLE_NAMES;
  expect(made.filter(({ object }) => recorded.includes(object))).toEqual([]);
});
