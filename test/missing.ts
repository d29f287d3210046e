/** Says loudly that tests are skipped for want of `what`. In CI, which must have everything, it is an error. */
export function missing(what: string, why: string): void {
  if (process.env.CI) throw new Error(`CI must have ${what}: ${why}`);
  console.warn(`SKIPPED: what needs ${what}: ${why}`);
}
