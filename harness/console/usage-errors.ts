import { UsageError } from '../model/errors.ts';

type Readers<First, Others extends readonly unknown[]> = {
  [Index in keyof Others]: (first: First | undefined) => Promise<Others[Index]>;
};

/**
 * Reads the flags of a command piece by piece; the later pieces get the first, if it could be read. Throws one
 * UsageError with the messages of all UsageErrors.
 */
export async function collectUsageErrors<First, Others extends readonly unknown[]>(
  first: () => Promise<First>,
  ...others: Readers<First, Others>
): Promise<[First, ...Others]> {
  const [one] = await Promise.allSettled([first()]);
  const known = one.status === 'fulfilled' ? one.value : undefined;
  const settled = [one, ...(await Promise.allSettled(others.map((other) => other(known))))];
  const reasons = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
  if (reasons.length === 0) {
    return settled.map((each) => (each.status === 'fulfilled' ? each.value : undefined)) as [First, ...Others];
  }
  const usage = reasons.filter((reason) => reason instanceof UsageError);
  // A missing program, such as k6, matters only once the flags are right.
  if (usage.length === 0) throw reasons[0];
  // Two pieces may stumble over the same thing.
  throw new UsageError([...new Set(usage.map(({ message }) => message))].join('\n'));
}
