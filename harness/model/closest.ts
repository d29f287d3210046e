import { closestMatch } from 'leven';

/** The known name that was probably meant; undefined if none is near. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const maxDistance = word.length <= 2 ? 1 : word.length <= 5 ? 2 : 3;
  return closestMatch(word, known, { maxDistance });
}

/** ` (did you mean "x"?)` if a known name is near; else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = closest(word, known);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}
