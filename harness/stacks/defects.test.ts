import pg from 'pg';
import { expect, test } from 'vitest';

import { DEFECTS } from '../../reference/defects/index.ts';

test('what the harness reads of the reference stack changes nothing of how the driver reads numbers', () => {
  expect(DEFECTS.length).toBeGreaterThan(30);
  expect(pg.types.getTypeParser(pg.types.builtins.INT8)('1')).toBe('1');
});
