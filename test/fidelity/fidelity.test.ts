import { expect, test } from 'vitest';

import { CASES } from './cases.ts';
import { RELEASES, readRecording } from './recording.ts';

test('each case is recorded of each release', () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(30);
  for (const release of RELEASES) expect(Object.keys(readRecording(release).cases), release).toEqual(names);
});
