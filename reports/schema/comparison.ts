import { COMPARISON } from '../../harness/model/comparison.ts';
import { published } from './schema.ts';

export const comparisonSchema = COMPARISON;
/** `docs/comparison.schema.json`. */
export const comparisonJsonSchema = () =>
  published(COMPARISON, 'compare.json of windtunnel, and what `compare --json` prints');
