import type { Verb } from '../../model/seen.ts';

/** What a statement does to its transaction, if that is what it is for. */
export function transactionVerb(words: readonly string[]): { verb: Verb; savepoint?: string } | undefined {
  const [first] = words;
  const savepoint = words.at(-1) ?? '';
  switch (first) {
    case 'begin':
    case 'start':
      return { verb: 'begin' };
    case 'commit':
    case 'end':
      return { verb: words[1] === 'prepared' ? 'other' : 'commit' };
    case 'rollback':
    case 'abort':
      return words.includes('to') ? { verb: 'rollback to', savepoint } : { verb: 'rollback' };
    case 'savepoint':
    case 'release':
      return { verb: first, savepoint };
    default:
      return undefined;
  }
}
