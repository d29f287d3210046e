import { UsageError } from '../model/errors.ts';

/**
 * What a command was asked for, read piece by piece; the later ones get the first, if there is one. Whatever is wrong
 * with any of them is said at once.
 */
export async function allAtOnce<First, Second, Third>(
  first: () => Promise<First>,
  second: (first: First | undefined) => Promise<Second>,
  third: () => Promise<Third>,
): Promise<[First, Second, Third]> {
  const [one] = await Promise.allSettled([first()]);
  const known = one.status === 'fulfilled' ? one.value : undefined;
  const [two, three] = await Promise.allSettled([second(known), third()]);
  if (one.status === 'fulfilled' && two.status === 'fulfilled' && three.status === 'fulfilled') {
    return [one.value, two.value, three.value];
  }
  const reasons = [one, two, three].flatMap((settled): unknown[] =>
    settled.status === 'rejected' ? [settled.reason] : [],
  );
  const usage = reasons.filter((reason) => reason instanceof UsageError);
  // What is not here, such as k6, is of no interest before it is known what is wanted.
  if (usage.length === 0) throw reasons[0];
  throw new UsageError(usage.map(({ message }) => message).join('\n'));
}
