import { messageOf } from '../harness/model/errors.ts';

/** Says loudly that tests are skipped for want of `what`. In CI, which must have everything, it is an error. */
export function missing(what: string, why: string): void {
  if (process.env.CI) throw new Error(`CI must have ${what}: ${why}`);
  console.warn(`SKIPPED: the tests that need ${what}, because ${why}`);
}

/** Why tests that need `what` cannot run here, or undefined if `find` finds it. In CI an error. */
export async function whyMissing(what: string, find: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await find();
    return undefined;
  } catch (error) {
    missing(what, messageOf(error));
    return messageOf(error);
  }
}
