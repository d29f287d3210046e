/** Flags by their names on a command line, in the order in which they are shown; undefined: not given. */
export type GivenFlags = Readonly<Record<string, unknown>>;

/** `--seed`, `--faults`: those that were given. */
export function flagNames(flags: GivenFlags): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`]));
}

/** `--seed`, `7`, `--faults`, `all`: those that were given, each with its value. */
export function flagWords(flags: GivenFlags): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`, String(value)]));
}
