import { answerDifferences } from './answers.ts';
import type { Difference } from './difference.ts';
import { publicDifferences } from './public.ts';
import { stateDifferences } from './state.ts';
import { tokenDifferences } from './tokens.ts';

/**
 * Where a release does not do what the reference stack does, which is to be like 3.3.2. What is not here fails the
 * test, and so does what is here and no longer seen.
 */
export const DIFFERENCES: readonly Difference[] = [
  ...stateDifferences,
  ...tokenDifferences,
  ...publicDifferences,
  ...answerDifferences,
];
