import { expect, test } from 'vitest';

import { escaped, probability, pValue } from './words.ts';

test.each([
  [0, 'p < 0.0001'],
  [0.00009999, 'p < 0.0001'],
  [0.0001, 'p = 0.0001'],
  [0.00234, 'p = 0.0023'],
  [0.0987, 'p = 0.099'],
  [0.5, 'p = 0.50'],
  [1.0000001, 'p = 1.00'],
])('a p value of %d is written with one sign', (p, text) => {
  expect(pValue(p)).toBe(text);
  expect(text.endsWith(probability(p))).toBe(true);
});

test('text in HTML and XML has no character of markup left', () => {
  expect(escaped(`<a href="x" title='y'>&`)).toBe('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;');
});
