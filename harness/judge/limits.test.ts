import { expect, test } from 'vitest';

import { withLiteralRun } from '../testing/judge-literal.ts';
import { readViewFiles } from './views.ts';

test('the view `limits` lists every limit', async () => {
  const file = (await readViewFiles()).find(({ name }) => name === '00-limits.sql');
  const macros = [...(file?.creates ?? [])].filter(([, kind]) => kind === 'MACRO').map(([name]) => name);
  const sql = `SELECT ${macros.map((macro) => `${macro}() AS ${macro}`).join(', ')}`;
  await withLiteralRun({}, async (run) => {
    const limits = await run.row('FROM limits');
    expect(Object.keys(limits)).toEqual(macros);
    expect(limits).toEqual(await run.row(sql));
  });
});
