import { UsageError } from '../model/errors.ts';

type Asked<First, Others extends readonly unknown[]> = {
  [Index in keyof Others]: (first: First | undefined) => Promise<Others[Index]>;
};

/**
 * What a command was asked for, read piece by piece; the later ones get the first, if there is one. Whatever is wrong
 * with any of them is said at once.
 */
export async function collectUsageErrors<First, Others extends readonly unknown[]>(
  first: () => Promise<First>,
  ...others: Asked<First, Others>
): Promise<[First, ...Others]> {
  const [one] = await Promise.allSettled([first()]);
  const known = one.status === 'fulfilled' ? one.value : undefined;
  const settled = [one, ...(await Promise.allSettled(others.map((other) => other(known))))];
  const reasons = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
  if (reasons.length === 0) {
    return settled.map((each) => (each.status === 'fulfilled' ? each.value : undefined)) as [First, ...Others];
  }
  const usage = reasons.filter((reason) => reason instanceof UsageError);
  // What is not here, such as k6, is of no interest before it is known what is wanted.
  if (usage.length === 0) throw reasons[0];
  throw new UsageError(usage.map(({ message }) => message).join('\n'));
}
